import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmmim.errors import UsageError
from mmmim.evaluation import KNNHook

RUNTIME = Path(__file__).parents[2] / "configs/_base_/default_runtime.py"


def loader(**dataset):
    return dict(
        batch_size=64,
        num_workers=0,
        sampler=dict(type="EpochSampler", shuffle=False),
        collate_fn=dict(type="default_collate"),
        dataset=dict(type="ToyImages", img_size=32, **dataset),
    )


def losses_of_run(pretrain_config, work_dir, *hooks):
    cfg = Config.fromfile(RUNTIME)
    cfg.merge_from_dict(Config.fromfile(pretrain_config)._cfg_dict)
    cfg.merge_from_dict(
        dict(
            work_dir=str(work_dir),
            experiment_name=work_dir.name,
            log_level="WARNING",
            train_cfg=dict(type="EpochTrainLoop", max_epochs=2),
            custom_hooks=[dict(type="StepLossHook"), *hooks],
        )
    )
    cfg.train_cfg.pop("by_epoch")
    Runner.from_cfg(cfg).train()
    return (work_dir / "step_losses.jsonl").read_text(encoding="utf-8")


def test_accuracy_is_logged_and_training_is_not_touched(pretrain_config, tmp_path):
    hook = dict(
        type="KNNHook",
        train_dataloader=loader(num_images=64),
        test_dataloader=loader(num_images=32, split="val"),
        interval=1,
        k=(5, 20),
    )
    plain = losses_of_run(pretrain_config, tmp_path / "plain")
    assert losses_of_run(pretrain_config, tmp_path / "hooked", hook) == plain
    (scalars,) = (tmp_path / "hooked").glob("*/vis_data/scalars.json")
    logged = [json.loads(line) for line in scalars.read_text(encoding="utf-8").splitlines() if "knn" in line]
    assert [line["step"] for line in logged] == [1, 2]
    assert all(0 < line[f"knn/top1_k{k}"] < 100 for line in logged for k in (5, 20))


def test_k_fits_the_images_before_training_starts(pretrain_config, tmp_path):
    hook = dict(
        type="KNNHook",
        train_dataloader=loader(num_images=16),
        test_dataloader=loader(num_images=8, split="val"),
        interval=2,
    )
    losses_of_run(pretrain_config, tmp_path / "default", hook)
    (scalars,) = (tmp_path / "default").glob("*/vis_data/scalars.json")
    logged = [json.loads(line) for line in scalars.read_text(encoding="utf-8").splitlines() if "knn" in line]
    assert [key for key in logged[0] if key.startswith("knn")] == ["knn/top1_k10"]
    with pytest.raises(UsageError, match=r"k: \(5, 17\) must lie in 1..16"):
        losses_of_run(pretrain_config, tmp_path / "large", dict(hook, k=(5, 17)))
    assert not (tmp_path / "large/step_losses.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("bank", "expected"), [(6, (6,)), (15, (10,)), (20, (10, 20)), (200, (10, 20)), (400, (10, 20, 100))]
)
def test_many_neighbours_are_for_large_banks(bank, expected):
    hook = KNNHook(data="toy")
    hook.check(bank, 10)
    assert hook.k == expected


def test_interval_zero_is_refused():
    with pytest.raises(ValueError, match="interval: 0"):
        KNNHook({}, {}, interval=0)
