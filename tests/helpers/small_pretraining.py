"""Fixtures: a small pre-training config on the built-in data, and a checkpoint of it."""

import pytest
from mmengine.config import Config

CONFIG = """
default_scope = "mmmim"
model = dict(
    type="MaskedImageModel",
    backbone=dict(
        type="mmmim.ViT", arch=dict(embed_dims=32, depth=2, num_heads=2), img_size=32, patch_size=8, drop_path_rate=0.1
    ),
    masker=dict(type="RandomMasker", mask_ratio=0.75),
    neck=dict(type="MAEDecoder", dims=32, depth=1, num_heads=2),
    target_generator=dict(type="PixelTarget"),
    data_preprocessor=dict(type="ImagePreprocessor"),
)
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(type="ToyImages", num_images=160, img_size=32, transforms=[dict(type="RandomHorizontalFlip")]),
)
optim_wrapper = dict(optimizer=dict(type="AdamW", lr=1e-3))
train_cfg = dict(by_epoch=True, max_epochs=1)
"""


@pytest.fixture
def pretrain_config(tmp_path):
    """A small pre-training config on the built-in data, as a file."""
    path = tmp_path / "tiny.py"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def checkpoint(pretrain_config, tmp_path):
    """A checkpoint as the runner would write it, with weights that no initialisation gives."""
    import torch
    from mmengine.registry import DefaultScope

    from mmmim.registry import MODELS

    with DefaultScope.overwrite_default_scope("mmmim"):
        model = MODELS.build(Config.fromfile(pretrain_config).model)
    torch.manual_seed(7)
    state = {name: value + 0.01 * torch.randn(value.shape) for name, value in model.state_dict().items()}
    path = tmp_path / "run" / "epoch_1.pth"
    path.parent.mkdir()
    torch.save(dict(meta=dict(epoch=1), state_dict=state), path)
    return path
