"""Reads checkpoint files of any origin. It is the only place that unpickles, and it runs nothing a file asks for."""

from __future__ import annotations

import io
import warnings
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from mmmim.checkpoint.unpickler import PICKLE_MODULE, Refused
from mmmim.errors import MissingFileError, WeightsError

TRUSTED = (
    "If you trust its source, load it where it was written, write the tensors alone, "
    "torch.save(dict(model=model.state_dict()), FILE), and give that file to tools/convert.py"
)


def read_file(file: str | Path, map_location: Any = "cpu", mmap: bool = False) -> Any:
    """Return the content of a PyTorch file, zipped or of the older format, or of a ``.safetensors`` file.

    Tensors, plain containers, numbers, text and numpy arrays come back as they were stored; objects of known packages
    that nothing here needs come back as :class:`~mmmim.checkpoint.unpickler.Inert`.

    Args:
        map_location: As for ``torch.load``.
        mmap: Leave the tensors on disk until they are used, and do not verify their checksums.

    Raises:
        MissingFileError: There is no such file.
        WeightsError: The file is incomplete, damaged or of another kind, or it asks for a function to be called.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise MissingFileError(f"{file}: {what}; give a checkpoint that lies on this machine")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        return _unpickle(path, map_location, mmap)
    except Refused as refused:
        raise _refusal(file, refused) from None
    except Exception as error:  # unpickling anything can raise anything
        raise _damage(file, f"{path.stat().st_size:,} bytes", error, "PyTorch file") from None


def read_bytes(content: bytes, name: str, map_location: Any = "cpu") -> Any:
    """Return what :func:`read_file` returns, of a file's ``content`` that came from a storage service."""
    try:
        return _unpickle(io.BytesIO(content), map_location, mmap=False)
    except Refused as refused:
        raise _refusal(name, refused) from None
    except Exception as error:
        raise _damage(name, f"{len(content):,} bytes", error, "PyTorch file") from None


def find_damage(path: str | Path) -> str | None:
    """Return what is wrong with a checkpoint file, or None if every stored block matches its checksum."""
    path = Path(path)
    if not path.is_file():
        return "no such file"
    try:
        broken = _broken_block(path)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return f"{path.stat().st_size} bytes, not a complete file ({error})"
    return None if broken is None else f"checksum of {broken} is wrong"


def _broken_block(path: Path) -> str | None:
    stat = path.stat()
    return _first_broken(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=64)
def _first_broken(path: Path, *identity: int) -> str | None:
    """Return the first block with a wrong checksum; a file that stays as it is is read for this once."""
    with zipfile.ZipFile(path) as archive:
        return archive.testzip()


def _unpickle(file: Path | io.BytesIO, map_location: Any, mmap: bool) -> Any:
    source: Any = str(file) if isinstance(file, Path) else file
    if _is_zip(file):
        records = torch._C.PyTorchFileReader(source).get_all_records()
        if "constants.pkl" in records:
            raise Refused("TorchScript code")  # torch.load would hand it to torch.jit.load
        if isinstance(file, Path) and not mmap and (broken := _broken_block(file)):
            raise ValueError(f"the checksum of {broken} is wrong")  # torch.load does not check it
        if isinstance(file, io.BytesIO):
            file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch cannot compare the sources of replaced classes with those of the file
        # weights_only is torch's own unpickler, which knows fewer types; this one calls nothing else either
        return torch.load(
            source,
            map_location=map_location,
            pickle_module=PICKLE_MODULE,
            weights_only=False,
            mmap=mmap and _is_zip(file),
        )


def _is_zip(file: Path | io.BytesIO) -> bool:
    if isinstance(file, io.BytesIO):
        return file.getvalue()[:4] == b"PK\x03\x04"
    with file.open("rb") as opened:
        return opened.read(4) == b"PK\x03\x04"


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damage(path, f"{path.stat().st_size:,} bytes", error, "safetensors file") from None


def _refusal(name: str | Path, refused: Refused) -> WeightsError:
    return WeightsError(
        f"{name}: refused: to read it, {refused} would have to be called, and a file may run any code that way; "
        f"nothing was run. {TRUSTED}"
    )


def _damage(name: str | Path, size: str, error: Exception, kind: str) -> WeightsError:
    reason = str(error).strip().partition("\n")[0][:200]
    return WeightsError(
        f"{name}: {size}, incomplete, damaged or no {kind} ({type(error).__name__}: {reason}); copy or download it "
        "again, and compare its size or checksum with the publisher's"
    )
