from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
import zipfile
from pathlib import Path

import pytest
from small_packs import assert_same, cut, interrupt, pack, pack_slowly, samples

from mmmim.datasets import ImageFolder
from mmmim.datasets.packs import PackSettings, write_pack
from mmmim.datasets.sources import open_source
from mmmim.errors import RunFailed, UsageError

CROP = [dict(type="RandomResizedCrop", size=8, scale=(0.2, 1.0), antialias=True)]


def test_what_cannot_be_read_is_reported_with_its_reason(class_folder: Path, tmp_path: Path) -> None:
    (class_folder / "ant" / "03.png").write_text("broken", encoding="utf-8")
    whole = (class_folder / "bee" / "05.png").read_bytes()
    (class_folder / "bee" / "05.png").write_bytes(whole[: len(whole) // 2])
    report = pack(class_folder, tmp_path / "pack", workers=2)
    assert report.images == 34 and set(report.unreadable) == {"ant/03.png", "bee/05.png"}
    listed = (tmp_path / "pack" / "unreadable.txt").read_text(encoding="utf-8").splitlines()
    assert listed[0] == "ant/03.png\tUnidentifiedImageError: 6 bytes in no format that Pillow knows"
    assert listed[1].startswith("bee/05.png\t") and len(listed) == 2
    assert len(ImageFolder(f"{tmp_path}/pack")) == 34 and pack(class_folder, tmp_path / "pack").was_complete


def test_a_folder_of_broken_files_gives_no_pack(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("broken", encoding="utf-8")
    with pytest.raises(UsageError, match=r"none of the 1 images is readable; .*unreadable\.txt says why"):
        pack(tmp_path / "images", tmp_path / "pack")
    with pytest.raises(UsageError, match="is a pack that is not finished"):
        ImageFolder(f"{tmp_path}/pack")


def test_finished_shards_are_kept_and_the_started_one_is_written_again(
    class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, 25, RunFailed("stop"))  # the only kind of error that an image may not be left out for
    with pytest.raises(RunFailed, match="stop"):
        pack(class_folder, tmp_path / "pack")
    monkeypatch.undo()
    made = sorted(path.name for path in (tmp_path / "pack").iterdir())
    assert made == ["pack.json", "shard-00000.zip", "shard-00001.zip"]
    with pytest.raises(UsageError, match=r"not finished; .*python tools/pack\.py .*images .*pack"):
        ImageFolder(f"{tmp_path}/pack")
    before = [(tmp_path / "pack" / name).stat().st_mtime_ns for name in made[1:]]
    done: list[int] = []
    write_pack(open_source(str(class_folder)), tmp_path / "pack", PackSettings(per_shard=10), 1, done.append)
    assert [(tmp_path / "pack" / name).stat().st_mtime_ns for name in made[1:]] == before and done[0] == 20
    assert_same(samples(tmp_path / "pack"), samples(class_folder))


def test_a_killed_writer_leaves_nothing_broken(class_folder: Path, tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=pack_slowly, args=(class_folder, tmp_path / "pack"))
    process.start()
    while not list((tmp_path / "pack").glob(".shard-00002.zip.*.tmp")):
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert list((tmp_path / "pack").glob(".shard-00002.zip.*.tmp"))
    assert not pack(class_folder, tmp_path / "pack").was_complete
    assert list((tmp_path / "pack").glob(".*")) == []
    assert_same(samples(tmp_path / "pack"), samples(class_folder))


def test_a_full_disk_keeps_what_is_finished(
    class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = zipfile.ZipFile.writestr

    def full(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
        if entry.filename.startswith("cat"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(archive, entry, content)

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(RunFailed, match=rf"^{tmp_path}/pack/shard-00002\.zip: No space left on device; 2 of 4 shards"):
        pack(class_folder, tmp_path / "pack")
    monkeypatch.undo()
    assert sorted(p.name for p in (tmp_path / "pack").iterdir()) == ["pack.json", "shard-00000.zip", "shard-00001.zip"]
    pack(class_folder, tmp_path / "pack")
    assert_same(samples(tmp_path / "pack"), samples(class_folder))


def test_a_missing_shard_is_written_again(packed: Path, class_folder: Path) -> None:
    before = (packed / "shard-00002.zip").read_bytes()
    (packed / "shard-00002.zip").unlink()
    cut(packed / "shard-00001.zip")
    assert not pack(class_folder, packed).was_complete
    assert (packed / "shard-00002.zip").read_bytes() == before and pack(class_folder, packed).was_complete
    assert_same(samples(packed), samples(class_folder))
