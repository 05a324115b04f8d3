from __future__ import annotations

import pytest
import torch
from mmengine.runner import Runner
from pictures import BAD

from mmmim.datasets import ImageFolder
from mmmim.engine.hooks.bad_files import BadFileReportHook


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
