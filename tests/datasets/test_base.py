from __future__ import annotations

import pytest
import torch
from mmengine.runner import Runner
from PIL import Image

from mmmim.datasets import ImageFolder, ImageList
from mmmim.engine.hooks.bad_files import BadFileReportHook


@pytest.fixture
def broken(tmp_path, picture):
    """00 good, 01 truncated, 02 empty, 03 text, 04 good, 05 truncated png."""
    folder = tmp_path / "images"
    picture(folder / "00.png", 0), picture(folder / "04.png", 40)
    Image.effect_noise((64, 64), 90).save(folder / "01.jpg")
    Image.effect_noise((64, 64), 90).save(folder / "05.png")
    for name in ("01.jpg", "05.png"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
    (folder / "02.jpg").write_bytes(b"")
    (folder / "03.jpg").write_text("not an image", encoding="utf-8")
    return folder


BAD = ["01.jpg", "02.jpg", "03.jpg", "05.png"]


def _names(data):
    return [name.rsplit("/", 1)[-1] for name in data.bad_files]


def test_bad_file_is_replaced_by_a_readable_one(broken):
    data = ImageFolder(str(broken))
    found = [data[i] for i in range(6)]
    assert (found[0]["indices"], found[4]["indices"]) == (0, 4)
    assert all(each["inputs"][0, 0, 0] == 10 * each["indices"] and each["indices"] in (0, 4) for each in found)
    assert _names(data) == BAD


def test_replacement_does_not_depend_on_what_was_read_before(broken):
    forward, backward = ImageFolder(str(broken)), ImageFolder(str(broken))
    wanted = {i: forward[i]["indices"] for i in range(6)}
    assert {i: backward[i]["indices"] for i in reversed(range(6))} == wanted


def test_each_file_is_named_once(broken, monkeypatch):
    warnings = []
    monkeypatch.setattr("mmmim.datasets.base.print_log", lambda text, **_: warnings.append(text))
    data = ImageFolder(str(broken))
    for _ in range(3):
        for index in range(6):
            data[index]
    assert sorted(text.split(":")[0] for text in warnings) == [f"Skipping unreadable image {broken}/{n}" for n in BAD]
    told = "".join(warnings)
    assert "OSError: image file is truncated" in told and "12 bytes in no format that Pillow knows" in told


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of the 1 images is readable, e\.g\. .*a\.jpg"):
        ImageFolder(str(tmp_path))[0]


def test_missing_file_of_a_list(broken, tmp_path):
    (tmp_path / "list.txt").write_text("00.png 3\nnot there.png 1\n", encoding="utf-8")
    data = ImageList(str(broken), str(tmp_path / "list.txt"))
    assert data[1]["labels"] == 3 and _names(data) == ["not there.png"]


def test_index_out_of_range(broken):
    with pytest.raises(IndexError, match=r"0\.\.5, got 6"):
        ImageFolder(str(broken))[6]


class _Runner:
    def __init__(self, loader, work_dir):
        self._train_dataloader = self._train_loop = loader
        self._val_dataloader = self._val_loop = self._test_dataloader = self._test_loop = None
        self.work_dir = str(work_dir)
        self.logged: list[str] = []
        self.logger = self

    def log(self, level, text):
        self.logged.append(text)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_main_process_learns_what_workers_found(broken, tmp_path, num_workers):
    loader = Runner.build_dataloader(
        dict(
            dataset=dict(
                type="mmmim.ImageFolder",
                root=str(broken),
                transforms=[dict(type="Resize", size=[8, 8])],
            ),
            sampler=dict(type="mmmim.EpochSampler", shuffle=False),
            collate_fn=dict(type="default_collate"),
            batch_size=2,
            num_workers=num_workers,
        ),
        seed=0,
    )
    runner, hook = _Runner(loader, tmp_path), BadFileReportHook()
    hook.after_train_epoch(runner)
    assert runner.logged == [] and not (tmp_path / "bad_files.txt").exists()
    found = [batch["indices"].tolist() for batch in loader]
    assert (found[0][0], found[2][0]) == (0, 4) and {index for pair in found for index in pair} == {0, 4}
    hook.after_train_epoch(runner)
    assert (tmp_path / "bad_files.txt").read_text(encoding="utf-8") == "".join(f"{broken}/{name}\n" for name in BAD)
    assert runner.logged[0].startswith("4 unreadable image file(s)")
    hook.after_train(runner)
    assert len(runner.logged) == 1


@pytest.mark.parametrize("resumes", [True, False])
def test_the_list_is_kept_by_a_resumed_run_only(broken, tmp_path, resumes):
    (tmp_path / "bad_files.txt").write_text("of before.jpg\n", encoding="utf-8")
    data = ImageFolder(str(broken))
    loader = torch.utils.data.DataLoader(data, batch_size=None)
    runner, hook = _Runner(loader, tmp_path), BadFileReportHook()
    runner._resume, runner._load_from = resumes, None
    hook.before_train(runner)
    list(loader)
    hook.after_train(runner)
    listed = (tmp_path / "bad_files.txt").read_text(encoding="utf-8").splitlines()
    assert listed == sorted([f"{broken}/{name}" for name in BAD] + ["of before.jpg"] * resumes)
