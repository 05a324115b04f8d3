"""Numbers of the shipped segmentation and detection recipes, as papers and public configs state them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from dense_run import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData

import mmmim.compat.openmmlab  # noqa: F401
from mmmim.engine.optim import WarmupCosineLR
from mmmim.launch.options import load_config


@cache
def recipe(path: str) -> Config:
    method, name = path.split("/")
    return load_config(str(ROOT / "configs" / method / "downstream" / f"{name}.py"))


# config: lr, layer decay, weight decay, images per update, drop path
ADAMW = {
    "beit/upernet_vit-b_160k_ade20k": (7e-4, 0.65, 0.05, 16, 0.1),
    "mae/upernet_vit-b_160k_ade20k": (1e-4, 0.65, 0.05, 16, 0.1),
    "ccmim/upernet_vit-b_160k_ade20k": (3e-4, 0.65, 0.05, 16, 0.1),
    "ccmim/fpn_vit-b_160k_ade20k": (3e-4, 0.65, 0.05, 16, 0.1),
    "beyond_masking/upernet_vit-b_160k_ade20k": (3e-4, 0.65, 0.05, 16, 0.1),
    "beit/linear-seg_vit-b_160k_ade20k": (7e-4, 0.65, 0.05, 16, 0.1),
    "cim/linear-seg_vit-b_160k_ade20k": (3e-4, 0.8, 0.05, 16, 0.1),
    "conmim/upernet_vit-s_160k_ade20k": (3e-5, 0.9, 0.05, 16, 0.1),
    "conmim/upernet_vit-b_160k_ade20k": (3e-5, 0.9, 0.05, 16, 0.1),
    "conmim/upernet_vit-s_ssl_160k_ade20k": (7e-4, 0.65, 0.05, 16, 0.1),
    "conmim/upernet_vit-b_ssl_160k_ade20k": (7e-4, 0.65, 0.05, 16, 0.1),
    **{f"simmim/upernet_{m}_80k_ade20k": (1e-4, 0.9, 0.05, 32, 0.1) for m in ("swin-b", "swin-l", "swinv2-h")},
    **{f"simmim/upernet_{m}_ssl_80k_ade20k": (7e-4, 0.65, 0.05, 32, 0.1) for m in ("swin-b", "swin-l", "swinv2-h")},
    "beit/mask-rcnn_vit-b_1x_coco": (3e-4, 0.75, 0.05, 32, 0.2),
    "mae/mask-rcnn_vit-b_1x_coco": (3e-4, 0.75, 0.05, 32, 0.2),
    "ccmim/mask-rcnn_vit-b_1x_coco": (3e-4, 0.75, 0.05, 32, 0.2),
    "ccmim/mask-rcnn_vit-s_1x_coco": (3e-4, 0.75, 0.05, 32, 0.1),
    "beyond_masking/mask-rcnn_vit-b_1x_coco": (3e-4, 0.75, 0.05, 32, 0.2),
    "conmim/mask-rcnn_vit-s_lsj_25e_coco": (1e-4, 1.0, 0.1, 64, 0.1),
    "conmim/mask-rcnn_vit-b_lsj_25e_coco": (1e-4, 1.0, 0.1, 64, 0.1),
    "mae/mask-rcnn_vit-b_vitdet_100e_coco": (1e-4, 0.7, 0.1, 64, 0.1),
    **{f"simmim/mask-rcnn_{m}_lsj_3x_coco": (6e-5, 1.0, 0.05, 32, 0.1) for m in ("swin-b", "swin-l", "swinv2-h")},
}


@pytest.mark.parametrize("path", ADAMW)
def test_optimizers(path: str) -> None:
    cfg = recipe(path)
    wrapper = cfg.optim_wrapper
    assert (wrapper.optimizer.type, wrapper.optimizer.betas, wrapper.get("clip_grad")) == ("AdamW", (0.9, 0.999), None)
    found = (
        wrapper.optimizer.lr,
        wrapper.paramwise_cfg.layer_decay_rate,
        wrapper.optimizer.weight_decay,
        cfg.auto_scale_lr.recipe_batch_size,
        cfg.model.backbone.drop_path_rate,
    )
    assert found == ADAMW[path]
    assert cfg.auto_scale_lr.recipe_batch_size % cfg.train_dataloader.batch_size == 0


@pytest.mark.parametrize("iterations", [80, 160])
def test_fcn(iterations: int) -> None:
    cfg = recipe(f"cim/fcn_resnet50_{iterations}k_ade20k")
    sgd, (poly,) = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (sgd.type, sgd.lr, sgd.momentum, sgd.weight_decay) == ("SGD", 0.01, 0.9, 5e-4)
    assert (poly.type, poly.power, poly.eta_min, poly.end) == ("PolyLR", 0.9, 1e-4, iterations * 1000)
    assert (cfg.train_cfg.max_iters, cfg.auto_scale_lr.recipe_batch_size) == (iterations * 1000, 16)
    assert (cfg.model.backbone.depth, cfg.model.backbone.output_stride, cfg.model.test_cfg.mode) == (50, 8, "whole")


@pytest.mark.parametrize("path", [path for path in ADAMW if "ade20k" in path])
def test_schedules_of_segmentation(path: str) -> None:
    cfg = recipe(path)
    warmup, poly = cfg.param_scheduler
    length = 80000 if "_80k_" in path else 160000
    assert (warmup.start_factor, warmup.end, poly.power, poly.eta_min, poly.end) == (1e-6, 1500, 1.0, 0.0, length)
    assert cfg.train_cfg.max_iters == length and cfg.model.decode_head.num_classes == 150
    swin = "swin" in path
    assert cfg.model.test_cfg == (
        dict(mode="whole") if swin else dict(mode="slide", crop_size=(512, 512), stride=(341, 341))
    )
    if swin:
        assert cfg.model.backbone.window_size == 20
    assert cfg.tta_model.type == "SegTTAModel" and len(cfg.tta_pipeline[1].transforms[0]) == 5


@pytest.mark.parametrize(
    ("path", "epochs", "steps", "warmup"),
    [
        ("ccmim/mask-rcnn_vit-b_1x_coco", 12, [9, 11], 500),
        ("simmim/mask-rcnn_swin-b_lsj_3x_coco", 36, [27, 33], 1000),
        ("mae/mask-rcnn_vit-b_vitdet_100e_coco", 100, [89, 96], 250),
        ("cim/mask-rcnn_resnet50_1x_coco", 12, [8, 11], 500),
    ],
)
def test_schedules_of_detection(path: str, epochs: int, steps: list[int], warmup: int) -> None:
    cfg = recipe(path)
    first, second = cfg.param_scheduler
    assert (cfg.train_cfg.max_epochs, second.milestones, second.gamma, first.end) == (epochs, steps, 0.1, warmup)
    assert first.start_factor == 1e-3


def test_cosine_of_25_epochs() -> None:
    """46.1 k iterations: a quarter of an epoch up from a thousandth, then down to 0 (MIMDet)."""
    options = dict(recipe("conmim/mask-rcnn_vit-b_lsj_25e_coco").param_scheduler[0])
    assert options.pop("type") == "mmmim.WarmupCosineLR" and options.pop("convert_to_iter_based")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1e-4)
    schedule = WarmupCosineLR.build_iter_from_epoch(optimizer, epoch_length=1000, end=25, **options)
    rates = []
    for _ in range(25000):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(1e-7) and rates[125] == pytest.approx(0.5e-4, rel=0.01)
    assert max(rates) == pytest.approx(1e-4, rel=1e-3) and rates[12500] == pytest.approx(0.5e-4)
    assert rates[-1] < 1e-11


def test_stages() -> None:
    """Pitfall of the published ADE20K numbers: they start after supervised fine-tuning, the twins do not."""
    for path in ADAMW:
        (hook,) = recipe(path).custom_hooks
        after_labels = path.startswith("conmim/") or path.startswith("simmim/upernet")
        wanted = "ft" if after_labels and "_ssl_" not in path else None
        assert hook.get("stage") == wanted, path
        if wanted:
            named = [word for word in hook.stage_fix.replace(",", " ").split() if word.endswith(".py")]
            method, name = path.split("/")
            size = name.split("_")[1]
            assert f"configs/{method}/downstream/ft_{size}" in named[0]
            assert all((ROOT / "configs" / method / "downstream" / twin).is_file() for twin in named[1:])


def test_the_windowed_detector() -> None:
    """Benchmarking Detection Transfer Learning, as MIMDet builds it."""
    cfg = recipe("conmim/mask-rcnn_vit-b_lsj_25e_coco").model
    encoder = cfg.backbone
    assert (encoder.img_size, encoder.window_size, encoder.global_blocks) == (1024, 16, [2, 5, 8, 11])
    assert (encoder.out_indices, encoder.rel_pos_resize, encoder.pos_embed) == ([2, 5, 8, 11], "bicubic", "zeros")
    assert cfg.neck[0].norm_cfg == dict(type="GN", num_groups=32) and cfg.neck[1].norm_cfg.type == "SyncBN"
    box, mask = cfg.roi_head.bbox_head, cfg.roi_head.mask_head
    assert (cfg.rpn_head.num_convs, box.type, box.norm_cfg.type, mask.norm_cfg.type) == (
        2,
        "Shared4Conv1FCBBoxHead",
        "SyncBN",
        "SyncBN",
    )
    assert not box.reg_decoded_bbox and box.loss_bbox == dict(type="L1Loss", loss_weight=1.0)
    assert (cfg.roi_head.bbox_roi_extractor.roi_layer.sampling_ratio, cfg.test_cfg.rcnn.score_thr) == (0, 0.05)


@pytest.mark.parametrize("path", [path for path in ADAMW if "_1x_coco" in path])
def test_training_images_are_resized_and_not_cropped(path: str) -> None:
    """Section 4.2 of ccMIM, 4.4 of Beyond Masking: the short side between 480 and 800, the long one at most 1333."""
    train = recipe(path).train_dataloader.dataset.dataset.pipeline
    kinds = ["LoadImageFromFile", "LoadAnnotations", "RandomChoiceResize", "RandomFlip", "PackDetInputs"]
    assert [step.type for step in train] == kinds
    assert train[2].scales == [(side, 1333) for side in range(480, 801, 32)] and train[2].keep_ratio
    assert recipe(path).test_dataloader.dataset.pipeline[1].scale == (1333, 800)


def test_cae_s_box_head() -> None:
    head = recipe("beyond_masking/mask-rcnn_vit-b_1x_coco").model.roi_head.bbox_head
    assert head.reg_decoded_bbox and (head.loss_bbox.type, head.loss_bbox.loss_weight) == ("GIoULoss", 10.0)


@pytest.mark.parametrize("training", [True, False])
def test_the_divisor_pads_as_a_fixed_size_does(training: bool) -> None:
    """pad_size_divisor=1024 equals mmdet's BatchFixedSizePad in training, and pads test images in the same way."""
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks

    def batch() -> dict[str, Any]:
        torch.manual_seed(0)
        inputs, samples = [], []
        for height, width in ((30, 64), (64, 10)):
            inputs.append(torch.randint(0, 256, (3, height, width), dtype=torch.uint8))
            sample = DetDataSample(metainfo=dict(img_shape=(height, width), pad_shape=(height, width)))
            masks = BitmapMasks([torch.ones(height, width, dtype=torch.uint8).numpy()], height, width)
            sample.gt_instances = InstanceData(bboxes=torch.zeros(1, 4), labels=torch.zeros(1).long(), masks=masks)
            samples.append(sample)
        return dict(inputs=inputs, data_samples=samples)

    ours = dict(recipe("simmim/mask-rcnn_swin-b_lsj_3x_coco").model.data_preprocessor, pad_size_divisor=64)
    pad = dict(type="BatchFixedSizePad", size=(64, 64), pad_mask=True)
    with DefaultScope.overwrite_default_scope("mmdet"):
        a = MODELS.build(ours)(batch(), training=training)
        b = MODELS.build({**ours, "pad_size_divisor": 1, "batch_augments": [pad]})(batch(), training=True)
    assert torch.equal(a["inputs"], b["inputs"]) and a["inputs"].shape == (2, 3, 64, 64)
    assert a["inputs"][0, :, 30:].eq(0).all()  # the mean colour
    if training:
        for one, other in zip(a["data_samples"], b["data_samples"], strict=True):
            assert (one.gt_instances.masks.masks == other.gt_instances.masks.masks).all()
            assert one.batch_input_shape == tuple(other.batch_input_shape) == (64, 64)


def test_large_scale_jitter() -> None:
    train = recipe("conmim/mask-rcnn_vit-b_lsj_25e_coco").train_dataloader.dataset.dataset.pipeline
    steps = {step.type: step for step in train}
    assert (steps["RandomResize"].scale, steps["RandomResize"].ratio_range) == ((1024, 1024), (0.1, 2.0))
    assert (steps["RandomCrop"].crop_size, steps["RandomCrop"].recompute_bbox) == ((1024, 1024), True)
    test = recipe("conmim/mask-rcnn_vit-b_lsj_25e_coco").test_dataloader.dataset.pipeline
    assert test[1].scale == (1024, 1024) and test[1].keep_ratio
