"""Write the checkpoints of tiny models that exports start from: classifiers, UperNet, a pre-training by MAE."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from small_encoders import RESNET, STAGES, VIT

from mmmim.models.classifiers import ImageClassifier
from mmmim.registry import MODELS

ROOT = Path(__file__).parents[2]
BEIT = dict(VIT, type="mmmim.BEiTViT", mask_mode=None, rel_pos="block")
PLAIN = dict(VIT, type="mmmim.ViT")
SWIN = dict(type="mmmim.Swin", arch=STAGES, img_size=32, patch_size=2, window_size=4, mask_mode=None, out_type="avg")
SWIN_V2 = dict(SWIN, type="mmmim.SwinV2", pretrained_window_sizes=(0, 0, 0))
CONV = dict(RESNET, type="mmmim.ResNet", mask_mode=None, out_type="avg")


def write_classifier(path: Path, backbone: dict, norm: object = (), **more: object) -> ImageClassifier:
    """Write what a fine-tuning writes, and return the classifier."""
    torch.manual_seed(0)
    width = 512 if backbone["type"] == "mmmim.ResNet" else 64 if "Swin" in backbone["type"] else 32
    head = dict(type="mmmim.LinearClsHead", num_classes=5, in_channels=width, norm=norm)
    settings = dict(type="mmmim.ImageClassifier", backbone=backbone, head=head, **more)
    model = ImageClassifier(**{name: value for name, value in settings.items() if name != "type"}).eval()
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
    facts = dict(model.backbone.describe(), method="ImageClassifier", stage="ft", mean=[120.0] * 3, std=[58.0] * 3)
    text = Config(dict(model=settings)).pretty_text  # as MMEngine stores it
    torch.save(dict(state_dict=model.state_dict(), meta=dict(mmmim=facts, cfg=text)), path)
    return model


def write_upernet(path: Path, config: str = "toy_upernet_vit.py", **changes: object) -> torch.nn.Module:
    """Write what a fine-tuning of UperNet writes, and return the model of mmseg."""
    pytest.importorskip("mmseg")
    from mmseg.registry import MODELS as SEGMENTORS

    import mmmim.compat.openmmlab  # noqa: F401

    cfg = Config.fromfile(ROOT / "configs/_base_/models" / config)
    cfg.merge_from_dict(dict(changes))
    with DefaultScope.overwrite_default_scope("mmseg"):
        model = SEGMENTORS.build(cfg.model).eval()
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(0.05 * torch.rand_like(value))
    facts = dict(model.backbone.describe(), method="EncoderDecoder", stage="ft", mean=[120.0] * 3, std=[58.0] * 3)
    meta = dict(mmmim=facts, cfg=cfg.pretty_text, dataset_meta=dict(classes=("plain", "stripes", "checks")))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return model


def write_pretraining(path: Path, img_size: int = 32) -> torch.nn.Module:
    """Write a whole pre-training by MAE."""
    settings = dict(
        type="MaskedImageModel",
        backbone=dict(
            type="mmmim.ViT", arch=dict(embed_dims=32, depth=2, num_heads=2), img_size=img_size, patch_size=8
        ),
        masker=dict(type="RandomMasker", mask_ratio=0.5),
        neck=dict(type="MAEDecoder", dims=16, depth=2, num_heads=4, mlp_ratio=3.0),
        target_generator=dict(type="PixelTarget", norm_pix="patch"),
        head=dict(type="ReconstructionHead", loss="l2"),
    )
    with DefaultScope.overwrite_default_scope("mmmim"):
        model = MODELS.build(settings).eval()
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(0.1 * torch.rand_like(value))
    facts = dict(model.backbone.describe(), method="MaskedImageModel", stage="ssl", mean=[120.0], std=[60.0])
    meta = dict(mmmim=facts, cfg=Config(dict(model=settings)).pretty_text)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return model
