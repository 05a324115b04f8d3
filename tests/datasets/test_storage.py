"""An outage of the storage is waited for; only what cannot be decoded, or is missing alone, counts as unreadable."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from PIL import Image

from mmmim.datasets import ImageFolder, ImageList, SampleKey, storage
from mmmim.datasets.base import TooManyBadFiles
from mmmim.datasets.storage import NotAFile, ReadingPolicy, StorageOutage, read_file, read_patiently
from mmmim.errors import RunFailed


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(storage, "time", fake)
    return fake


def failing(seconds: float, clock: Clock, number: int) -> Any:
    def read() -> str:
        if clock.now < seconds:
            raise OSError(number, os.strerror(number), "file")
        return "content"

    return read


ERRORS = [errno.ENOENT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EACCES]


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("seconds", [0.05, 1, 30, 500])
def test_an_outage_is_waited_for(number: int, seconds: float, clock: Clock) -> None:
    assert read_patiently(failing(seconds, clock, number), lambda: "a.jpg", lambda: (0, 8), minutes=10) == "content"
    assert seconds <= clock.now < seconds + 10.1 and max(clock.slept) <= storage.LONGEST_WAIT
    assert all(late <= 2 * early for early, late in zip(clock.slept, clock.slept[1:], strict=False))


@pytest.mark.parametrize("number", ERRORS)
def test_a_longer_outage_stops_the_run(number: int, clock: Clock) -> None:
    with pytest.raises(
        StorageOutage, match=r"a\.jpg: still .* after 2 minutes of trying, and 7 of its 8 neighbours.*--resume"
    ) as told:
        read_patiently(failing(1e9, clock, number), lambda: "a.jpg", lambda: (1, 8), minutes=2)
    assert os.strerror(number) in str(told.value) and 120 <= clock.now < 135
    assert isinstance(told.value, RunFailed)


@pytest.mark.parametrize("number", ERRORS)
def test_a_file_that_is_away_alone_is_not_waited_for_as_long(number: int, clock: Clock) -> None:
    with pytest.raises(OSError, match="file"):
        read_patiently(failing(1e9, clock, number), lambda: "a.jpg", lambda: (8, 8), minutes=10)
    doubt = storage.DOUBT if number in storage.OF_ONE_FILE else storage.LONG_DOUBT
    assert doubt <= clock.now < 2 * doubt + 10


def test_what_waiting_does_not_change_is_raised_at_once(clock: Clock) -> None:
    for number in storage.OF_THE_PATH:
        with pytest.raises(OSError, match="file"):
            read_patiently(failing(1e9, clock, number), lambda: "a.jpg", lambda: (0, 8), minutes=10)
    assert clock.slept == []


def test_a_folder_that_is_away_for_a_second_loses_nothing(folder: Path) -> None:
    data, away = ImageFolder(str(folder)), folder.with_name("away")
    wanted = [data[index]["indices"] for index in range(12)]
    folder.rename(away)
    threading.Timer(0.6, away.rename, [folder]).start()
    begin = time.monotonic()
    assert [data[index]["indices"] for index in range(12)] == wanted == list(range(12))
    assert time.monotonic() - begin >= 0.5 and data.bad_files == []


def test_a_single_class_that_is_away_is_an_outage_too(folder: Path, clock: Clock) -> None:
    data = ImageFolder(str(folder))
    shutil.rmtree(folder / "class1")
    assert data[0]["indices"] == 0
    with pytest.raises(StorageOutage, match=r"class1/05\.png.*after 10 minutes"):
        data[SampleKey(0, 0, 8)]  # its neighbours are of the same folder
    assert data.bad_files == []


def test_a_deleted_file_is_replaced(folder: Path, clock: Clock) -> None:
    data = ImageFolder(str(folder))
    name = data.name(3)
    Path(name).unlink()
    found = data[3]["indices"]
    assert found != 3 and data.bad_files == [name]
    assert clock.now < 2 * storage.DOUBT


def test_replacements_are_drawn_for_each_key(folder: Path) -> None:
    for number in range(5):
        (folder / "class0" / f"{2 * number:02}.png").write_text("broken", encoding="utf-8")
    data = ImageFolder(str(folder))
    data.policy = ReadingPolicy(max_bad_share=1)
    found = [data[SampleKey(0, epoch, 0)]["indices"] for epoch in range(60)]
    assert set(found) == set(range(5, 12)), "a neighbour must not stand in for the whole block"
    again = ImageFolder(str(folder))
    assert [again[SampleKey(0, epoch, 0)]["indices"] for epoch in reversed(range(60))] == found[::-1]


def test_too_many_broken_files_stop_the_run_with_a_list(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number:03}.jpg").write_text("broken", encoding="utf-8")
    for number in range(100, 200):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number:03}.jpg")
    data = ImageFolder(str(tmp_path))
    data.policy = ReadingPolicy(max_bad_share=0.2, list_file=tmp_path / "bad_files.txt")
    with pytest.raises(TooManyBadFiles, match=r"41 of 200 images.*max_bad_share=0\.2, e\.g\. .*000\.jpg.*lists them"):
        for index in range(200):
            data[index]
    listed = (tmp_path / "bad_files.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(listed) == sorted(data.bad_files) and len(listed) == 41


def test_a_few_broken_files_of_a_small_folder_do_not_stop_it() -> None:
    policy = ReadingPolicy(max_bad_share=0.1)
    assert not policy.is_exceeded(9, 12) and policy.is_exceeded(10, 12)
    assert not policy.is_exceeded(100, 1000) and policy.is_exceeded(101, 1000)


# ------------------------------------------------------------------ what is no file


@pytest.mark.parametrize("name", ["pipe.jpg", "device.jpg"])
def test_reading_what_is_no_file_does_not_block(strange: Path, name: str) -> None:
    with pytest.raises(NotAFile, match="is no regular file"):
        read_file(strange / "class0" / name)


def test_a_pipe_in_a_list_is_replaced(strange: Path) -> None:
    (strange / "list.txt").write_text("class0/00.png 0\nclass0/pipe.jpg 1\n", encoding="utf-8")
    data = ImageList(str(strange), str(strange / "list.txt"))
    assert data[1]["indices"] == 0 and [Path(name).name for name in data.bad_files] == ["pipe.jpg"]


def test_a_wrong_policy_is_refused() -> None:
    from mmmim.errors import UsageError
    from mmmim.registry import HOOKS

    for wrong in (dict(outage_minutes=-1), dict(max_bad_share=2)):
        with pytest.raises(UsageError, match="expected minutes from 0 on, and a share between 0 and 1"):
            HOOKS.build(Config(dict(type="BadFileReportHook", **wrong)))
