from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.registry import DATASETS

from mmmim.benchmark import step


@pytest.mark.parametrize("config, size", [("simmim/swin-b_100e.py", 192), ("mae/vit-b_800e.py", 224)])
def test_our_side_is_the_published_config_on_samples_from_memory(config: str, size: int, tmp_path: Path) -> None:
    ours = step.our_config(config, "fp32")
    settings = step.StepSettings(batch=3, steps=4, warmup=2, block=1, threads=1)
    cfg = step.without_data(ours, step.our_config(config, "fp32"), settings, str(tmp_path))
    assert (cfg.optim_wrapper.dtype, cfg.model.backbone.img_size) == ("float32", size)
    assert {"step_seed", "runtime_info", "timer", "nonfinite", "logger"} <= cfg.default_hooks.keys()
    images = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(images) == 3 * (4 + 2)
    assert images[0]["inputs"].shape == (3, size, size) and images[0]["inputs"].dtype == torch.uint8
    assert torch.equal(images[6]["inputs"], images[0]["inputs"])  # 2 x 3 distinct samples


def test_views_of_tokenizers_are_samples_too() -> None:
    transforms = [dict(type="TwoSizeRandomResizedCrop", size=32, token_size=16)]
    samples = step.SamplesInMemory(4, 2, transforms)
    assert samples[3]["token_inputs"].shape == (3, 16, 16)
