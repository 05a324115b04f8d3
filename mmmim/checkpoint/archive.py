"""Reads what ``torch.save`` wrote. It is the only place that unpickles, and it runs nothing that is asked for there."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from mmmim.checkpoint.unpickler import PICKLE_MODULE, Refused
from mmmim.errors import WeightsError

FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
TRUSTED = (
    "If you trust its source, load it where it was written, write the tensors alone, "
    "torch.save(dict(model=model.state_dict()), FILE), and give that file to tools/convert.py"
)


def read_archive(source: Path | bytes, name: str | Path, map_location: Any = "cpu", mmap: bool = False) -> Any:
    """Return what ``torch.save`` wrote to a file or as bytes, in the zipped or in the older format.

    Args:
        name: What errors call it.

    Raises:
        WeightsError: It is incomplete, damaged or of another kind, or it asks for a function to be called.
    """
    if os.environ.get(FORCED, "").lower() in ("1", "y", "yes", "true"):
        raise WeightsError(
            f"{name}: {FORCED}={os.environ[FORCED]} allows torch's own unpickler only; unset it for this command, "
            "whose unpickler runs nothing that a file names either"
        )
    try:
        return _unpickle(source if isinstance(source, Path) else io.BytesIO(source), map_location, mmap)
    except Refused as refused:
        raise refusal(name, refused) from None
    except Exception as error:  # unpickling anything can raise anything
        size = source.stat().st_size if isinstance(source, Path) else len(source)
        raise damage(name, f"{size:,} bytes", error, "PyTorch file") from None


def broken_block(file: Path | io.BytesIO) -> str | None:
    """Return the first block of a zipped file whose checksum is wrong, or None.

    Raises:
        BadZipFile: It is no zipped file, or no complete one.
    """
    if not isinstance(file, Path):
        with zipfile.ZipFile(file) as archive:
            return archive.testzip()
    stat = file.stat()
    return _first_broken(file, stat.st_size, stat.st_mtime_ns, stat.st_ino)


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
        if not mmap and (broken := broken_block(file)):
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


def refusal(name: str | Path, refused: Refused) -> WeightsError:
    """Return the error for a file that asks for a function to be called."""
    return WeightsError(
        f"{name}: refused: to read it, {refused} would have to be called, and a file may run any code that way; "
        f"nothing was run. {TRUSTED}"
    )


def damage(name: str | Path, size: str, error: Exception, kind: str) -> WeightsError:
    """Return the error for a file that could not be read as the ``kind`` that it should be."""
    reason = str(error).strip().partition("\n")[0][:200]
    return WeightsError(
        f"{name}: {size}, incomplete, damaged or no {kind} ({type(error).__name__}: {reason}); copy or download it "
        "again, and compare its size or checksum with the publisher's"
    )
