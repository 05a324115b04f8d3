from __future__ import annotations

import errno
import os

import pytest

from mmmim.datasets import storage
from mmmim.datasets.patient import PatientReader
from mmmim.datasets.storage import StorageOutage


class Numbers(PatientReader):
    """Ten samples, of which the storage gives those that are not in ``away``."""

    def __init__(self, *away: int) -> None:
        self.prepare_reading()
        self.away, self.seen = set(away), []

    def __len__(self) -> int:
        return 10

    def probe(self, index: int) -> None:
        if index in self.away:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def get(self, index: int) -> int:
        self.seen.append(int(self.reading[0]))
        self.probe(index)
        return 10 * index


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    monkeypatch.setattr(storage, "time", Clock())


def test_the_main_process_sees_what_is_read_at_the_moment() -> None:
    data = Numbers()
    assert data.load_patiently(3, lambda: data.get(3)) == 30
    assert data.seen == [3] and int(data.reading[0]) == -1 and data.reading.is_shared()


def test_a_sample_whose_neighbours_can_be_read_is_unreadable_alone() -> None:
    data = Numbers(3)
    with pytest.raises(OSError, match="Input/output error") as raised:
        data.load_patiently(3, lambda: data.get(3))
    assert not isinstance(raised.value, StorageOutage) and int(data.reading[0]) == -1


def test_a_sample_whose_neighbours_are_away_too_is_an_outage() -> None:
    data = Numbers(*range(10))
    with pytest.raises(StorageOutage, match=r"\b3\b"):
        data.load_patiently(3, lambda: data.get(3))


def test_a_neighbour_that_cannot_be_decoded_was_read() -> None:
    data = Numbers(3)
    data.probe = lambda index: (_ for _ in ()).throw(ValueError("no image"))  # type: ignore[method-assign]
    assert data._readable_neighbours(0) == (4, 4) and data._readable_neighbours(5) == (
        8,
        8,
    )
