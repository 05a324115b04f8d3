from __future__ import annotations

from pathlib import Path

import pytest
import torch
from dense_run import DOWNSTREAM, ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmmim.checkpoint.names import compare, matching
from mmmim.launch.options import load_config
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

DENSE = sorted(
    path
    for path in (ROOT / "configs").glob("*/downstream/*.py")
    if Config.fromfile(path, import_custom_modules=False).get("default_scope") in ("mmseg", "mmdet")
)


# What an encoder leaves over in the file of pre-training, and what it does not find there, as patterns.
LEFT_OVER_AND_ABSENT = {
    "ViT": (("norm.*",), ()),
    "BEiTViT": (
        ("norm.*", "mask_token", "cls_token", "rel_pos_bias.*"),
        ("blocks.*.attn.relative_position_bias_table", "blocks.*.attn.rel_pos_[hw]", "pos_embed"),
    ),
    "Swin": (("mask_token",), ("norm[0-9].*",)),
    "SwinV2": (("mask_token",), ("norm[0-9].*",)),
    "ResNet": (("mask_token",), ()),
}


def build(cfg: Config) -> torch.nn.Module:
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return MODELS.build(cfg.model)


def encoder_of_pre_training(path: Path, backbone: dict, kind: type) -> torch.nn.Module:
    toy = "toy" in path.stem
    size = 64 if toy else 192 if kind in (Swin, SwinV2) else 224
    if path.parts[-3] in ("mae", "ccmim", "beyond_masking"):
        return ViT(arch=backbone["arch"], patch_size=backbone["patch_size"], img_size=size)
    beit = ("arch", "patch_size", "layer_scale", "qkv_bias")
    shared = {BEiTViT: beit, ResNet: ("depth",)}.get(kind, ("arch", "patch_size"))
    settings = {key: value for key, value in backbone.items() if key in shared}
    if kind in (Swin, SwinV2):
        settings["window_size"] = 4 if toy else 6 if kind is Swin else 12
    if kind is BEiTViT:
        settings["rel_pos"] = "none" if backbone.get("rel_pos") == "none" else "shared"
        settings["pos_embed"] = backbone.get("pos_embed", "none").replace("zeros", "none")
    return kind(**settings, img_size=size)


@pytest.mark.parametrize("path", DENSE, ids=[f"{path.parts[-3]}-{path.stem}" for path in DENSE])
def test_it_passes_the_check_builds_and_takes_the_encoder_of_pre_training(path: Path) -> None:
    cfg = load_config(str(path))
    with torch.device("meta"):
        model = build(cfg)
    kind = type(model.backbone)
    with torch.device("meta"):
        pretrained = encoder_of_pre_training(path, cfg.model.backbone, kind)
    ours, theirs = model.backbone.state_dict(), pretrained.state_dict()
    left_over, absent = LEFT_OVER_AND_ABSENT[kind.__name__]
    assert matching(set(theirs) - set(ours), left_over) and not set(theirs) - set(ours) - set(
        matching(theirs, left_over)
    )
    assert not set(ours) - set(theirs) - set(matching(ours, absent))
    tables = ("pos_embed", "*.relative_position_bias_table")
    assert not set(n for n in ours if n in theirs and ours[n].shape != theirs[n].shape) - set(matching(ours, tables))
    assert cfg.model.data_preprocessor.mean == [123.675, 116.28, 103.53] and cfg.model.data_preprocessor.bgr_to_rgb
    assert any(hook.type == "mmmim.PretrainedReportHook" and hook.get("strict", True) for hook in cfg.custom_hooks)
    assert cfg.auto_scale_lr.enable is False


def test_published_recipes() -> None:
    """CAE's Mask R-CNN 1x and BEiT's ADE20K recipe, as the papers and their public configs state them."""
    seg = load_config(str(DOWNSTREAM / "upernet_vit-b_160k_ade20k.py"))
    assert (seg.optim_wrapper.optimizer.lr, seg.optim_wrapper.paramwise_cfg.layer_decay_rate) == (3e-4, 0.65)
    assert (seg.train_cfg.max_iters, seg.train_dataloader.batch_size * 8) == (160000, 16)
    assert (seg.model.decode_head.channels, seg.model.auxiliary_head.in_index, seg.model.test_cfg.stride) == (
        768,
        2,
        (341, 341),
    )
    det = load_config(str(DOWNSTREAM / "mask-rcnn_vit-b_1x_coco.py"))
    assert (det.optim_wrapper.optimizer.lr, det.optim_wrapper.paramwise_cfg.layer_decay_rate) == (3e-4, 0.75)
    assert (det.train_cfg.max_epochs, det.param_scheduler[1].milestones) == (12, [9, 11])
    head = det.model.roi_head.bbox_head
    assert head.reg_decoded_bbox and (head.loss_bbox.type, head.loss_bbox.loss_weight) == ("GIoULoss", 10.0)
    rates = {size: load_config(str(DOWNSTREAM / f"mask-rcnn_vit-{size}_1x_coco.py")).model.backbone for size in "sb"}
    assert (rates["s"].drop_path_rate, rates["b"].drop_path_rate) == (0.1, 0.2)


def test_the_augmentations_of_detection_build_and_run() -> None:
    pipeline = Config.fromfile(ROOT / "configs/_base_/datasets/coco.py").train_pipeline[2:-1]
    plain = Config.fromfile(ROOT / "configs/_base_/datasets/coco_multi_scale.py")
    assert plain.train_dataloader.dataset.dataset.pipeline == plain.train_pipeline != pipeline
    import numpy as np
    from mmcv.transforms import Compose
    from mmdet.structures.bbox import HorizontalBoxes

    with DefaultScope.overwrite_default_scope("mmdet"):
        transforms = Compose(pipeline)
        for _ in range(6):
            boxes = HorizontalBoxes(np.array([[10, 20, 300, 400]], np.float32))
            sample = dict(img=np.zeros((480, 640, 3), np.uint8), img_shape=(480, 640), gt_bboxes=boxes)
            sample.update(gt_bboxes_labels=np.zeros(1, np.int64), gt_ignore_flags=np.zeros(1, bool))
            height, width = transforms(sample)["img"].shape[:2]
            assert max(height, width) <= 1333 and min(height, width) <= 800


def test_dense_features_are_the_tokens_of_classification() -> None:
    """At the pre-training size the last map is the last block's patch tokens, bit for bit."""
    settings = dict(arch=dict(embed_dims=32, depth=3, num_heads=2), img_size=(32, 48), patch_size=8, final_norm=False)
    tokens, maps = ViT(**settings).eval(), ViT(**settings, out_type="featmap", out_indices=[0, 2]).eval()
    report = compare(tokens.state_dict(), maps)
    maps.load_state_dict(tokens.state_dict())
    images = torch.randn(2, 3, 32, 48)
    with torch.no_grad():
        assert torch.equal(maps(images)[-1].flatten(2).transpose(1, 2), tokens(images)[-1][:, 1:])
    assert report.ratio == f"{len(tokens.state_dict())}/{len(maps.state_dict())}"
