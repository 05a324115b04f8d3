"""tools/pack.py, and the tools that read what it wrote."""

from __future__ import annotations

import errno
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from other_containers import save_to_disk, table_of, write_webdataset
from PIL import Image

from mmmim import progress
from mmmim.commands import pack as pack_command
from mmmim.datasets import use_folder
from mmmim.datasets.packs import shards
from mmmim.launch.options import load_config


def pack(*words: object) -> int:
    return pack_command.main([str(word) for word in words])


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label, name in enumerate(("ant", "bee")):
        for number in range(12):
            path = tmp_path / "images" / name / f"{number:02}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = rng.integers(0, 128, (48, 40, 3))
            Image.fromarray((noise + 100 * label).astype(np.uint8)).save(path, quality=95)
    return tmp_path / "images"


def test_it_says_what_it_wrote_and_what_is_next(images: Path, tmp_path: Path, capsys: Any) -> None:
    (images / "ant" / "03.jpg").write_text("broken", encoding="utf-8")
    out = tmp_path / "pack"
    assert pack(images, out, "--size", 32, "--per-shard", 10, "--workers", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{out} is complete and was read back: 23 images in 3 files, 0.00 GB, ")
    assert lines[1:] == [
        f"1 images could not be read: {out}/unreadable.txt says why of each",
        f"train from it: python tools/train.py CONFIG --data {out}",
    ]
    assert not (out / "run.lock").exists()
    assert pack(images, out, "--size", 32, "--per-shard", 10) == 0
    assert "was complete already: 23 images" in capsys.readouterr().out
    assert pack("--verify", out) == 0
    assert capsys.readouterr().out.startswith(f"{out}: 23 images, 0.00 GB, all as they were written")


def fails(capsys: Any, status: int, *words: object) -> str:
    assert pack(*words) == status
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1, printed.err
    return printed.err


def test_bad_input_is_one_line(images: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "empty").mkdir()
    assert "no image below" in fails(capsys, 2, tmp_path / "empty", tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
    assert "does not exist" in fails(capsys, 2, tmp_path / "nowhere", tmp_path / "pack")
    assert "no such file" in fails(capsys, 2, tmp_path / "nowhere.txt", tmp_path / "pack")
    assert "is not empty and no pack" in fails(capsys, 2, images, images)
    assert "is a file" in fails(capsys, 2, images, images / "ant" / "00.jpg")
    assert "--size 0: a number from 1" in fails(capsys, 2, images, tmp_path / "pack", "--size", 0)
    assert "--quality 101" in fails(capsys, 2, images, tmp_path / "pack", "--quality", 101)
    assert "no pack; it has no pack.json" in fails(capsys, 2, "--verify", images)
    for words in ([images], [], [images, tmp_path / "a", "--verify", "b"], [images, "out", "--workers", 0]):
        with pytest.raises(SystemExit) as stop:
            pack(*words)
        assert stop.value.code == 2


def test_a_damaged_pack_fails_verification(images: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "pack"
    pack(images, out, "--per-shard", 10, "--workers", 1)
    shard = out / "shard-00001.zip"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    told = fails(capsys, 1, "--verify", out)
    assert f"1 damaged shard(s): {shard.name}: the checksum of" in told and f"tools/pack.py {images} {out}" in told
    shard.unlink()  # as the message says
    assert pack(images, out, "--per-shard", 10, "--workers", 1) == 0 and pack("--verify", out) == 0


def test_a_full_disk_is_one_line_and_the_command_goes_on(
    images: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = zipfile.ZipFile.writestr

    def full(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
        if entry.filename > "bee/05":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(archive, entry, content)

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    words = images, tmp_path / "pack", "--per-shard", 8, "--workers", 1
    told = fails(capsys, 1, *words)
    assert f"{tmp_path}/pack/shard-00002.zip: No space left on device; 2 of 3 shards are finished and stay" in told
    assert "about 0.0 GB" in told and "run the same command again" in told
    monkeypatch.undo()
    assert pack(*words) == 0 and pack("--verify", tmp_path / "pack") == 0


def test_ctrl_c_keeps_what_is_finished(images: Path, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    calls, encode = iter(range(10)), shards.encode

    def interrupted(*arguments: Any) -> Any:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return encode(*arguments)

    monkeypatch.setattr(shards, "encode", interrupted)
    words = images, tmp_path / "pack", "--per-shard", 8, "--workers", 1
    assert pack(*words) == 130
    assert "stopped; what is finished" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "pack").iterdir()) == ["pack.json", "shard-00000.zip"]
    monkeypatch.undo()
    assert pack(*words) == 0


def test_a_second_command_on_the_same_pack_is_refused(images: Path, tmp_path: Path, capsys: Any) -> None:
    from mmmim.launch.run_lock import run_lock

    with run_lock(tmp_path / "pack"):
        told = fails(capsys, 2, images, tmp_path / "pack")
    assert f"OUT {tmp_path}/pack: process {os.getpid()}" in told and "packs there" in told


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown(terminal: bool, images: Path, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    monkeypatch.setenv("COLUMNS", "120")
    assert pack(images, tmp_path / "pack", "--per-shard", 8, "--workers", 1) == 0
    shown = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "24/24 images" in shown if terminal else "12 of 24 images, " in shown and "images/s, " in shown


# ------------------------------------------------------------------ what is made of a pack


def batches(config: Path, data: Path, workers: int) -> list[dict]:
    init_default_scope("mmmim")
    cfg = use_folder(load_config(str(config), {}, own_images=True), str(data))
    loader = dict(cfg.train_dataloader, num_workers=workers, persistent_workers=False)
    return list(Runner.build_dataloader(Config(loader), seed=0))


@pytest.fixture
def forms(images: Path, tmp_path: Path) -> dict[str, Path]:
    """The same images in several forms."""
    for form in ("jpeg", "pixels"):
        assert pack(images, tmp_path / form, "--format", form, "--per-shard", 5, "--workers", 1) == 0
    save_to_disk(table_of(images, ("ant", "bee")), tmp_path / "saved")
    write_webdataset(images, f"{tmp_path}/tars/{{}}.tar")
    return {name: tmp_path / name for name in ("images", "jpeg", "pixels", "saved", "tars")}


def test_batches_of_a_config_do_not_depend_on_workers_or_container(
    toy: Callable[..., Path], forms: dict[str, Path]
) -> None:
    config, wanted = toy(), {}
    for name, root in forms.items():
        one, two = (batches(config, root, workers) for workers in (1, 2))
        assert len(one) == 6 and all(torch.equal(a["inputs"], b["inputs"]) for a, b in zip(one, two, strict=True))
        wanted[name] = one
    for name, tolerance in (("jpeg", 0), ("pixels", 2)):  # arrays may be resized by another kernel
        for a, b in zip(wanted["images"], wanted[name], strict=True):
            assert (a["inputs"].float() - b["inputs"].float()).abs().mean() <= tolerance
            assert torch.equal(a["labels"], b["labels"]) and torch.equal(a["indices"], b["indices"])


@pytest.mark.parametrize("form", ["jpeg", "saved"])
def test_a_config_trains_from_it(tool: Any, toy: Any, step_losses: Any, forms: Any, form: str, tmp_path: Path) -> None:
    config = toy(**{"train_dataloader.num_workers": 2})
    assert tool("train", config, "--data", forms[form], "--work-dir", tmp_path / "run") == 0
    assert len(step_losses(tmp_path / "run")) == 12
    assert not (tmp_path / "run" / "bad_files.txt").exists()


def test_knn_reads_train_and_val_of_a_pack(tool: Any, toy: Any, images: Path, tmp_path: Path, capsys: Any) -> None:
    for split in ("train", "val"):
        shutil.copytree(images, tmp_path / "both" / split)
    assert pack(tmp_path / "both", tmp_path / "pack", "--workers", 1) == 0
    assert tool("knn", toy(), "none", "--data", tmp_path / "pack", "--out", tmp_path / "knn.json") == 0
    assert "24 training and 24 test images, 2 classes" in capsys.readouterr().out


def test_a_dry_run_plans_from_a_pack(tool: Any, toy: Any, forms: dict[str, Path], capsys: Any) -> None:
    assert tool("train", toy(), "--data", forms["pixels"], "--dry-run") == 0
    assert "24" in capsys.readouterr().out
