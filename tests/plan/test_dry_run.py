from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from dry_runs import plan
from mmengine.config import Config

from mmmim.launch.lr_scaling import BatchSize
from mmmim.launch.schedule import schedule_of, steps_per_epoch

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(p for p in ROOT.glob("configs/**/*.py") if "_base_" not in p.parts and p.name != "tables.py")


def test_headline_recipe(tmp_path: Path) -> None:
    run, table = plan("ccmim/vit-b_800e.py", 32)
    assert run.prepared.batch.effective == 1024
    assert run.prepared.lrs[""] == pytest.approx(6e-4, rel=1e-12)
    assert run.schedule.steps_per_epoch == 1251
    assert run.schedule.iterations == 1_000_800 == 1251 * 800
    assert run.schedule.warmup_iterations == 40 * 1251
    assert run.trainable("backbone.") == 85_647_360  # ViT-B/16 of 85,798,656 less the fixed table of 197 x 768
    assert run.frozen == 197 * 768 + 197 * 512
    for text in (
        "lr 1.5e-4 x 1024/256 = 6e-4 (32 per process x 32 processes x 1 accumulation = 1024)",
        "1,000,800",
        "data/imagenet/train is missing; 1,281,167 images assumed (assumed_num_images)",
        "CCMIM",
    ):
        assert text in table
    assert list(tmp_path.iterdir()) == []


def slow_if_trained_elsewhere(path: Path) -> Any:
    """The slow suite trains the small downstream recipes, so their plans wait for it too."""
    is_small = path.parent.name == "downstream" and path.stem.endswith(("_toy", "_cifar10"))
    name = str(path.relative_to(ROOT / "configs"))
    return pytest.param(path, id=name, marks=[pytest.mark.slow] if is_small else [])


@pytest.mark.parametrize("path", [slow_if_trained_elsewhere(path) for path in SHIPPED])
def test_every_shipped_config_can_be_planned(path: Path) -> None:
    run, table = plan(str(path.relative_to(ROOT / "configs")), 1 if "lowshot" in path.name else 8)
    assert run.schedule.iterations is not None
    assert run.memory.parameters > 0 and run.memory.optimizer > 0
    assert run.trainable() > 0
    assert "not counted: " not in run.memory.counted or run.model.__class__.__name__ == "MaskRCNN", table


def test_accumulation_divides_the_updates() -> None:
    run, table = plan("ccmim/vit-b_800e.py", 8, **{"optim_wrapper.accumulative_counts": 4})
    assert run.prepared.batch.effective == 1024
    assert (run.schedule.iterations, run.schedule.updates) == (5004 * 800, 1251 * 800)
    assert "(1,000,800 optimizer updates)" in table


def test_empty_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data/imagenet/train").mkdir(parents=True)
    table = plan("ccmim/vit-b_800e.py", 32)[1]
    assert "no image below" in table and "1,281,167 images assumed" in table


# -------------------------------------------------------------------- schedule


@pytest.mark.parametrize(
    ("images", "processes", "batch", "drop_last", "steps"),
    [
        (1_281_167, 32, 32, True, 1251),
        (1_281_167, 32, 32, False, 1252),
        (22, 1, 4, True, 5),
        (22, 1, 4, False, 6),
        (22, 4, 2, True, 3),  # 6 per process after filling up
        (22, 4, 3, True, 2),
    ],
)
def test_steps_per_epoch_are_those_of_sampler_and_loader(
    images: int, processes: int, batch: int, drop_last: bool, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch.utils.data import DataLoader

    from mmmim.datasets import EpochSampler, samplers

    cfg = Config(dict(train_dataloader=dict(batch_size=batch, drop_last=drop_last)))
    assert steps_per_epoch(cfg, images, BatchSize(batch, processes, 1)) == steps
    monkeypatch.setattr(samplers, "get_dist_info", lambda: (processes - 1, processes))
    dataset: Any = range(images)
    loader: Any = DataLoader(dataset, batch, sampler=EpochSampler(dataset, seed=0), drop_last=drop_last)
    assert len(loader) == steps


def test_iteration_based_schedule() -> None:
    cfg = Config(
        dict(
            train_dataloader=dict(batch_size=2),
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=160_000),
            param_scheduler=[
                dict(type="LinearLR", start_factor=1e-6, by_epoch=False, begin=0, end=1500),
                dict(type="PolyLR", by_epoch=False, begin=1500, end=160_000),
            ],
        )
    )
    schedule = schedule_of(cfg, 20_210, BatchSize(2, 8, 1))
    assert (schedule.iterations, schedule.warmup_iterations) == (160_000, 1500)
    assert schedule.epochs == pytest.approx(160_000 * 16 / 20_210)


# -------------------------------------------------------------------- memory


def test_command_line(tmp_path: Path) -> None:
    command = ["bash", str(ROOT / "tools/dist_train.sh"), str(ROOT / "configs/ccmim/vit-b_800e.py"), "32", "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Dry run of ") and "1,000,800" in done.stdout and "6e-4" in done.stdout
    assert list(tmp_path.iterdir()) == []
