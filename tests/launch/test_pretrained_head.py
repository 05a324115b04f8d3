"""Fine-tuning that goes on at a larger size takes over encoder and head of the first run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmmim.errors import UsageError
from mmmim.launch.options import use_checkpoint
from mmmim.registry import MODELS

FOLDER = Path(__file__).parents[2] / "configs" / "conmim" / "downstream"
LARGER = FOLDER / "ft96_vit-tiny_toy.py"


def short(config: Path, checkpoint: str | None, work_dir: Path, **options: Any) -> Config:
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(
        {
            "work_dir": str(work_dir),
            "experiment_name": work_dir.name,
            "log_level": "WARNING",
            "train_dataloader.batch_size": 4,
            "train_dataloader.dataset.num_images": 8,
            "val_dataloader.dataset.num_images": 4,
            "train_cfg.max_epochs": 1,
            "train_cfg.val_interval": 1,
            **options,
        }
    )
    use_checkpoint(cfg, checkpoint)
    return cfg


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of fine-tuning at 64 pixels."""
    work_dir = tmp_path_factory.mktemp("at_64_pixels")
    Runner.from_cfg(short(FOLDER / "ft_vit-tiny_toy.py", "none", work_dir)).train()
    return work_dir / "epoch_1.pth"


def test_encoder_and_head_arrive(fine_tuned: Path, tmp_path: Path) -> None:
    runner = Runner.from_cfg(short(LARGER, str(fine_tuned), tmp_path / "at_96", **{"optim_wrapper.optimizer.lr": 0.0}))
    runner.train()
    stored, now = torch.load(fine_tuned, weights_only=False)["state_dict"], runner.model.state_dict()
    resized = [name for name in now if stored[name].shape != now[name].shape]
    assert all(name.endswith("relative_position_bias_table") or name.endswith("pos_embed") for name in resized)
    assert len(resized) == 6 + 1 and {name for name in now if name.startswith("head.")} == {
        "head.norm.0.weight",
        "head.norm.0.bias",
        "head.fc.weight",
        "head.fc.bias",
    }
    for name in now.keys() - set(resized):
        assert now[name].equal(stored[name]), name
    assert not now["head.fc.weight"].equal(MODELS.build(dict(runner.cfg.model.head, init_cfg=None)).fc.weight)


def without_head(file: Path, folder: Path) -> str:
    content = torch.load(file, weights_only=False)
    content["state_dict"] = {n: v for n, v in content["state_dict"].items() if not n.startswith("head.")}
    content["meta"]["mmmim"]["stage"] = "ssl"
    torch.save(content, folder / "pretrained.pth")
    return str(folder / "pretrained.pth")


def test_what_pre_training_wrote_is_refused(fine_tuned: Path, tmp_path: Path) -> None:
    file = without_head(fine_tuned, tmp_path)
    with pytest.raises(
        UsageError, match=rf"{file} has no classification head \(head\.\*\).*fine-tune first with .*ft_vit-tiny_toy\.py"
    ):
        short(LARGER, file, tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model.head.num_classes": 5}, r"fc\.weight \(file \(8, 128\), model \(5, 128\)\), fc\.bias"),
        ({"model.head.norm": ["bn", "ln"]}, r"norm\.0\.running_mean \(file without, model \(128,\)\)"),
    ],
)
def test_another_head_is_refused(fine_tuned: Path, tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=f"does not fit model.head: {message}.*num_classes"):
        short(LARGER, str(fine_tuned), tmp_path / "run", **options)


def test_random_weights_and_whole_models_need_no_head(fine_tuned: Path, tmp_path: Path) -> None:
    for checkpoint, options in (("none", {}), (None, {"load_from": str(fine_tuned)})):
        model = short(LARGER, checkpoint, tmp_path / "run", **options).model
        assert model.backbone.init_cfg is None and model.head.init_cfg is None


def test_a_checkpoint_of_the_config_serves_the_head(fine_tuned: Path, tmp_path: Path) -> None:
    options = {"model.backbone.init_cfg.checkpoint": str(fine_tuned)}
    cfg = short(LARGER, None, tmp_path / "run", **options)
    assert cfg.model.head.init_cfg.checkpoint == str(fine_tuned)
    with pytest.raises(UsageError, match="give --checkpoint CKPT"):
        short(LARGER, None, tmp_path / "run")
