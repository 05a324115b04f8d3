"""A resumed run equals the uninterrupted one: losses and weights, bit by bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from resumed_run import assert_same_run
from tiny_run import STEP_LOSSES, losses, train

from mmmim.launch.options import load_config

ROOT = Path(__file__).parents[2]

BATCHES = 6  # 22 samples in batches of 4, the last one of 2
BY_ITER = {"default_hooks.checkpoint.by_epoch": False}


@pytest.mark.parametrize("stop_after", [BATCHES - 1, BATCHES, BATCHES + 4, 2 * BATCHES])
@pytest.mark.parametrize("accumulation", [1, 2, 4])
def test_killed_run_resumes_exactly(tmp_path: Path, straight_run, stop_after: int, accumulation: int) -> None:
    folder, straight = straight_run(accumulation)
    changes = {"default_hooks.checkpoint.interval": 2, "optim_wrapper.accumulative_counts": accumulation, **BY_ITER}
    train(tmp_path, **changes, **{"train_cfg.stop_after": stop_after})
    resumed = train(tmp_path, **changes, resume=True)
    assert_same_run(straight, resumed, folder, tmp_path)


def test_checkpoint_of_last_step_resumes_with_the_epochs_end(tmp_path: Path) -> None:
    """Schedulers by epoch step at the epoch's end, which the interrupted run did not reach."""
    by_epoch = dict(param_scheduler=[dict(type="StepLR", step_size=1, gamma=0.1)])
    straight = train(tmp_path / "straight", **by_epoch)
    saving = {**BY_ITER, "default_hooks.checkpoint.interval": BATCHES, **by_epoch}
    train(tmp_path / "killed", **saving, **{"train_cfg.stop_after": BATCHES})
    resumed = train(tmp_path / "killed", **saving, resume=True)
    assert_same_run(straight, resumed, tmp_path / "straight", tmp_path / "killed")
    assert resumed.optim_wrapper.get_lr()["lr"] == straight.optim_wrapper.get_lr()["lr"] == [pytest.approx(1e-4)]


@pytest.mark.parametrize("seed", [None, 5])
def test_seed_of_the_first_run_is_kept(tmp_path: Path, seed: int | None, capfd) -> None:
    saving = {**BY_ITER, "default_hooks.checkpoint.interval": 7}
    first = train(tmp_path / "killed", **saving, randomness=dict(seed=seed), **{"train_cfg.stop_after": 7})
    resumed = train(tmp_path / "killed", **saving, randomness=dict(seed=None if seed is None else 6), resume=True)
    straight = train(tmp_path / "straight", randomness=dict(seed=first.seed))
    assert_same_run(straight, resumed, tmp_path / "straight", tmp_path / "killed")
    if seed is not None:
        said = capfd.readouterr().out
        assert 'random seed in the checkpoint "5" is different' in said
        assert "continuing with the checkpoint's sample seed 5 in place of 6" in said


@pytest.mark.parametrize("method", ["mae", "ccmim"])
def test_real_method_resumes_exactly(tmp_path: Path, method: str) -> None:
    options = {
        "train_dataloader.batch_size": 8,
        "train_dataloader.num_workers": 0,
        "train_dataloader.persistent_workers": False,
        "train_dataloader.dataset.num_images": 24,
        "optim_wrapper.accumulative_counts": 2,
        "default_hooks.checkpoint.by_epoch": False,
        "default_hooks.checkpoint.interval": 2,
        "log_level": "WARNING",
    }

    def run(folder: Path, stop_after: int, resume: bool = False) -> None:
        cfg = load_config(str(ROOT / f"configs/{method}/vit-tiny_toy.py"), options, str(folder))
        cfg.merge_from_dict(dict(custom_hooks=[STEP_LOSSES], resume=resume, experiment_name=f"{folder.name}{resume}"))
        cfg.train_cfg.stop_after = stop_after
        Runner.from_cfg(cfg).train()

    run(tmp_path / "straight", 6)
    run(tmp_path / "killed", 5)
    run(tmp_path / "killed", 6, resume=True)
    assert losses(tmp_path / "killed") == losses(tmp_path / "straight")
    assert len(losses(tmp_path / "straight")) == 6
    facts = torch.load(tmp_path / "killed/iter_4.pth", weights_only=True)["meta"]["mmmim"]
    assert (facts["patch_size"], facts["epoch"], facts["mean"]) == ([8, 8], 1, [123.675, 116.28, 103.53])


def test_stop_after_leaves_the_schedule_alone(tmp_path: Path, straight_run) -> None:
    train(tmp_path, **{"train_cfg.stop_after": 5})
    assert losses(tmp_path) == losses(straight_run(1)[0])[:5]
