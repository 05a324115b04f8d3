"""Reads checkpoints of any origin: PyTorch files, safetensors, and the folders of sharded runs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from mmmim.checkpoint import sharded
from mmmim.checkpoint.archive import broken_block, damage, read_archive
from mmmim.errors import MissingFileError


def is_checkpoint(path: str | Path) -> bool:
    """Return whether there is a file of that name, or the folder that a sharded run wrote as its checkpoint."""
    return Path(path).is_file() or sharded.is_sharded_folder(path)


def read_file(file: str | Path, map_location: Any = "cpu", mmap: bool = False) -> Any:
    """Return the content of a PyTorch file, of a ``.safetensors`` file, or of the folder of a sharded run.

    Tensors, plain containers, numbers, text and numpy arrays come back as they were stored; objects of known packages
    that nothing here needs come back as :class:`~mmmim.checkpoint.unpickler.Inert`. A folder gives what the same run
    would have written as one file.

    Args:
        map_location: As for ``torch.load``; a folder is read to the CPU where this is no device.
        mmap: Leave the tensors of a file on disk until they are used, and do not verify their checksums.

    Raises:
        MissingFileError: There is no such file.
        WeightsError: The file is incomplete, damaged or of another kind, or it asks for a function to be called.
    """
    path = Path(file).expanduser()
    if sharded.is_sharded_folder(path):
        return sharded.read_folder(path, map_location)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise MissingFileError(f"{file}: {what}; give a checkpoint that lies on this machine")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return read_archive(path, file, map_location, mmap)


def read_outline(file: str | Path) -> Any:
    """Return the content of a checkpoint without reading its tensors: those of a folder are on the meta device."""
    path = Path(file).expanduser()
    return sharded.Folder(path).outline() if sharded.is_sharded_folder(path) else read_file(file, mmap=True)


def read_bytes(content: bytes, name: str, map_location: Any = "cpu") -> Any:
    """Return what :func:`read_file` returns, of a file's ``content`` that came from a storage service."""
    return read_archive(content, name, map_location)


def find_damage(path: str | Path) -> str | None:
    """Return what is wrong with a checkpoint, or None if every stored block matches its checksum."""
    path = Path(path)
    if sharded.is_sharded_folder(path):
        return sharded.find_damage(path)
    if not path.is_file():
        return "a folder, but not of a sharded run" if path.is_dir() else "no such file"
    try:
        broken = broken_block(path)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return f"{path.stat().st_size} bytes, not a complete file ({error})"
    return None if broken is None else f"checksum of {broken} is wrong"


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise damage(path, f"{path.stat().st_size:,} bytes", error, "safetensors file") from None
