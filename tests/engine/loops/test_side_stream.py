"""Batches are copied on a stream of their own, which the step waits for; without CUDA they stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import pytest
import torch
from fake_cuda import on_fake_cuda
from torch import Tensor, nn

from mmmim.engine.loops import side_stream


class Streams:
    """What happens on two streams, in order."""

    def __init__(self) -> None:
        self.current, self.events = "step", list[tuple[str, ...]]()

    @contextmanager
    def stream(self, name: str) -> Iterator[None]:
        before, self.current = self.current, name
        yield
        self.current = before

    def current_stream(self, device: torch.device) -> Any:
        streams = self

        class Current:
            name = streams.current

            def wait_stream(self, other: str) -> None:
                streams.events.append((self.name, "waits for", other))

        return Current()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    found = Streams()
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: "side")
    monkeypatch.setattr(torch.cuda, "stream", found.stream)
    monkeypatch.setattr(torch.cuda, "current_stream", found.current_stream)
    monkeypatch.setattr(Tensor, "is_pinned", lambda tensor: tensor.dtype == torch.uint8)
    monkeypatch.setattr(
        Tensor, "record_stream", lambda tensor, stream: found.events.append((stream.name, "uses", str(tensor.dtype)))
    )
    moves = Tensor.to

    def moved(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        found.events.append((found.current, "copies", str(kwargs.get("non_blocking"))))
        return moves(tensor, *args, **kwargs)

    monkeypatch.setattr(Tensor, "to", moved)
    return found


def test_copies_are_made_beside_the_step(streams: Streams) -> None:
    batches = [dict(inputs=torch.zeros(2, dtype=torch.uint8), labels=[torch.zeros(2)], names="ab") for _ in range(2)]
    with on_fake_cuda(nn.Identity()):
        taken = list(side_stream.on_device(batches, torch.device("cuda", 0)))
    assert [batch["inputs"].device.type for batch in taken] == ["cuda", "cuda"]
    assert all(batch["labels"][0].device.type == "cpu" and batch["names"] == "ab" for batch in taken)  # not pinned
    step = [("side", "copies", "True"), ("step", "waits for", "side"), ("step", "uses", "torch.uint8")]
    assert [event for event, _ in groupby(streams.events)] == 2 * step  # modes of torch repeat a call


def test_each_batch_is_asked_for_when_it_is_needed(streams: Streams) -> None:
    """A batch that is loaded ahead would be lost for a resumed run, and the step would wait for the loader."""
    loader = iter([dict(inputs=torch.zeros(2)) for _ in range(3)])
    next(side_stream.on_device(loader, torch.device("cuda", 0)))
    assert len(list(loader)) == 2


def test_on_the_cpu_nothing_is_touched() -> None:
    batches = [object(), object()]
    assert list(side_stream.on_device(batches, torch.device("cpu"))) == batches
