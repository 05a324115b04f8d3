from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_checkpoint_reaches_the_backbone_and_test_repeats_the_metric(
    tool, toy, classifier: Path, tmp_path: Path
) -> None:
    pretrain = ROOT / "configs/mae/vit-tiny_toy.py"
    small = ["train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False", "train_cfg.stop_after=1"]
    small += [
        "default_hooks.checkpoint.by_epoch=False",
        "default_hooks.checkpoint.rolling_interval=1",
        "train_dataloader.dataset.num_images=8",
        "train_dataloader.batch_size=4",
    ]
    assert tool("train", pretrain, "--work-dir", tmp_path / "ssl", "--cfg-options", *small) == 0
    assert tool("train", classifier, "--checkpoint", tmp_path / "ssl/rolling.pth") == 0
    report = json.loads((tmp_path / "classifier/pretrained_report.json").read_text(encoding="utf-8"))
    assert report["checkpoint"] == str(tmp_path / "ssl/rolling.pth")

    scalars = next((tmp_path / "classifier").glob("*/vis_data/scalars.json")).read_text(encoding="utf-8").splitlines()
    seen = next(json.loads(line) for line in scalars if any("top1" in key for key in json.loads(line)))
    out = tmp_path / "metrics.json"
    assert tool("test", classifier, tmp_path / "classifier/epoch_1.pth", "--out", out) == 0
    metrics = json.loads(out.read_text(encoding="utf-8"))
    key = next(key for key in metrics if "top1" in key)
    assert metrics[key] == seen[key]
