"""Reads the checkpoint folders of sharded runs, which ``torch.distributed.checkpoint`` wrote, share by share.

Such a folder holds the files of the processes (``*.distcp``), an index of them (``.metadata``), and beside them
everything that is not divided (``content.pt``), in which the place of each divided tensor is empty. The index is a
pickle, which torch's own reader would run; here it is data, and only what it says of tensors is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmmim.checkpoint.archive import damage, read_archive, refusal
from mmmim.checkpoint.unpickler import Inert, MetadataUnpickler, Refused
from mmmim.errors import UsageError, WeightsError

CONTENT_FILE = "content.pt"
INDEX_FILE = ".metadata"
EMPTY = "torch.distributed.checkpoint"  # stands in the content where a divided tensor belongs

Place = tuple[Any, ...]  # the keys that lead to a tensor in the nested content: ("state_dict", "backbone.pos_embed")


class Piece(NamedTuple):
    """A block of a tensor, and where it is stored."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    file: str
    start: int
    length: int


class Entry(NamedTuple):
    """A tensor of the folder."""

    dtype: torch.dtype
    size: tuple[int, ...]
    pieces: tuple[Piece, ...]


def is_sharded_folder(path: str | Path) -> bool:
    """Return whether ``path`` is a folder with parts of a sharded checkpoint; it may be incomplete."""
    return any(Path(path, name).is_file() for name in (INDEX_FILE, CONTENT_FILE))


def read_folder(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Return the content of a folder with whole tensors, as the same run would have written it to one file.

    Raises:
        WeightsError: The folder is incomplete, damaged or of another program, or its index asks for a call.
    """
    device = map_location if isinstance(map_location, (str, torch.device)) else "cpu"
    return Folder(Path(path)).read(lambda place, shape: torch.empty_like(shape, device=device))


def find_damage(path: Path) -> str | None:
    """Return what is wrong with a folder, or None if it is complete and every stored block matches its checksum."""
    try:
        files = sorted(each for each in path.iterdir() if each.is_file())
        return _damage(path, *((each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files))
    except OSError as error:
        return str(error)


@lru_cache(maxsize=16)
def _damage(path: Path, *identity: Any) -> str | None:
    try:
        Folder(path).check()
    except UsageError as error:
        return str(error).removeprefix(f"{path}: ")
    return None


class Folder:
    """The folder of a sharded checkpoint, of which only the index and what is not divided are read at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in (CONTENT_FILE, INDEX_FILE):
            if not Path(path, name).is_file():
                raise WeightsError(
                    f"{path}: a folder without {name}, so an incomplete checkpoint of a sharded run, or one of another "
                    "program; copy it again with all its files, or give another checkpoint"
                )
        self.entries = read_index(path)
        self.content = read_archive(path / CONTENT_FILE, path / CONTENT_FILE)
        self.places = {".".join(map(str, place)): place for place in _empty_places(self.content)}
        if single := self.places.keys() ^ self.entries.keys():
            raise WeightsError(
                f"{path}: {min(single)} is in only one of {CONTENT_FILE} and {INDEX_FILE}; copy the folder again"
            )

    def outline(self) -> dict[str, Any]:
        """Return the content with tensors of the meta device, which have shapes only."""
        for name, entry in self.entries.items():
            _put(self.content, self.places[name], torch.empty(entry.size, dtype=entry.dtype, device="meta"))
        return self.content

    def read(self, target: Callable[[Place, Tensor], Tensor | None]) -> dict[str, Any]:
        """Return the content with the tensors that ``target`` gives, filled from the folder.

        Args:
            target: Called with a tensor's place and its shape (a tensor of the meta device); returns what to fill, a
                whole tensor or a ``DTensor``, of which only this process' share is read, or None to leave it out.
        """
        outline, wanted = self.outline(), {}
        for name, place in self.places.items():
            if (found := target(place, _at(outline, place))) is not None:
                wanted[name] = found
                _put(outline, place, found)
        self._fill(wanted)
        return outline

    def check(self) -> None:
        """Read every stored block once and compare it with its checksum."""
        for entry in self.entries.values():
            for piece in entry.pieces:
                self._stored(piece, entry)

    def _fill(self, wanted: dict[str, Tensor]) -> None:
        """Let torch's planner say which block of which stored piece each process needs, and copy those."""
        from torch.distributed.checkpoint import DefaultLoadPlanner

        planner = DefaultLoadPlanner(flatten_state_dict=False, flatten_sharded_tensors=False)
        planner.set_up_planner(wanted, _torch_metadata(self.entries), True)  # type: ignore[arg-type]
        for item in planner.create_local_plan().items:
            entry = self.entries[item.storage_index.fqn]
            offsets = tuple(item.storage_index.offset or ())
            block = self._stored(next(piece for piece in entry.pieces if piece.offsets == offsets), entry)
            for dim, (start, length) in enumerate(zip(item.storage_offsets, item.lengths, strict=True)):
                block = block.narrow(dim, start, length)
            planner.resolve_tensor(item).detach().copy_(block)

    def _stored(self, piece: Piece, entry: Entry) -> Tensor:
        file = self.path / piece.file
        try:
            with file.open("rb") as opened:
                opened.seek(piece.start)
                content = opened.read(piece.length)
        except OSError as error:
            raise WeightsError(f"{self.path}: {piece.file}: {error.strerror}; copy the folder again") from None
        if len(content) < piece.length:
            raise WeightsError(
                f"{self.path}: {piece.file} has {file.stat().st_size:,} bytes, not the "
                f"{piece.start + piece.length:,} that {INDEX_FILE} names; copy the folder again"
            )
        value = read_archive(content, file)
        if not (isinstance(value, Tensor) and tuple(value.shape) == piece.sizes and value.dtype == entry.dtype):
            raise WeightsError(f"{self.path}: {piece.file} does not hold what {INDEX_FILE} says; copy the folder again")
        return value


def read_index(path: Path) -> dict[str, Entry]:
    """Return the tensors of a folder by their names in it; nothing else of its index is used, and nothing called.

    Raises:
        WeightsError: The index is damaged, incomplete or of another program, or it asks for a function to be called.
    """
    file = path / INDEX_FILE
    try:
        with file.open("rb") as opened:
            index = MetadataUnpickler(opened).load().state
        stored: dict[tuple[str, tuple[int, ...]], Any] = {}
        for key, info in index["storage_data"].items():
            stored[key.state["fqn"], tuple(key.state["offset"] or ())] = info.state
        return {str(name): _entry(str(name), tensor, stored) for name, tensor in index["state_dict_metadata"].items()}
    except Refused as refused:
        raise refusal(file, refused) from None
    except Exception as error:  # an index of another program can have any structure
        size = f"{file.stat().st_size:,} bytes"
        raise damage(file, size, error, "index of a sharded checkpoint") from None


def _entry(name: str, tensor: Inert, stored: dict[tuple[str, tuple[int, ...]], Any]) -> Entry:
    dtype = tensor.state["properties"].state[0]
    size = _numbers(tensor.state["size"])
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"{name} has no dtype")
    pieces = []
    for chunk in tensor.state["chunks"]:
        offsets, sizes = _numbers(chunk.state["offsets"]), _numbers(chunk.state["sizes"])
        info = stored[name, offsets]
        start, length = _numbers((info["offset"], info["length"]))
        if Path(info["relative_path"]).name != info["relative_path"]:
            raise ValueError(f"{name} lies outside of the folder")
        ends = [offset + count for offset, count in zip(offsets, sizes, strict=True)]
        if any(end > total for end, total in zip(ends, size, strict=True)) or length < prod(sizes) * dtype.itemsize:
            raise ValueError(f"a piece of {name} does not fit")
        pieces.append(Piece(offsets, sizes, info["relative_path"], start, length))
    if sum(prod(piece.sizes) for piece in pieces) != prod(size):
        raise ValueError(f"{name} is not complete")
    return Entry(dtype, size, tuple(pieces))


def _numbers(values: Any) -> tuple[int, ...]:
    numbers = tuple(int(value) for value in values)
    if min(numbers, default=0) < 0:
        raise ValueError(f"{numbers} are no sizes")
    return numbers


def _torch_metadata(entries: dict[str, Entry]) -> Any:
    """Return torch's description of the tensors, made of checked numbers."""
    from torch.distributed.checkpoint import metadata as dcp

    described = {}
    for name, entry in entries.items():
        chunks = [dcp.ChunkStorageMetadata(torch.Size(p.offsets), torch.Size(p.sizes)) for p in entry.pieces]
        properties = dcp.TensorProperties(dtype=entry.dtype)
        described[name] = dcp.TensorStorageMetadata(properties, torch.Size(entry.size), chunks)
    return dcp.Metadata(described)  # type: ignore[arg-type]


def _empty_places(content: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the places of ``content`` that :data:`EMPTY` marks."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _empty_places(value, (*place, key))
    elif isinstance(content, str) and content == EMPTY:
        yield place


def _at(content: Any, place: Place) -> Any:
    for key in place:
        content = content[key]
    return content


def _put(content: Any, place: Place, value: Any) -> None:
    _at(content, place[:-1])[place[-1]] = value
