"""Configs that mmseg and mmdet ship, with one of our encoders as the backbone and options that make them small."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEG_HEADS = {
    f"model.{head}.{key}": value for head in ("decode_head", "auxiliary_head") for key, value in [("channels", 16)]
}
SMALL_SEG = {
    "train_cfg.max_iters": 3,
    "train_cfg.val_interval": 3,
    "default_hooks.checkpoint.interval": 3,
    "default_hooks.logger.interval": 1,
    "train_dataloader.batch_size": 2,
    "train_dataloader.dataset.pipeline.2.scale": (128, 64),
    "train_dataloader.dataset.pipeline.3.crop_size": (64, 64),
    "model.data_preprocessor.size": (64, 64),
    "val_dataloader.dataset.pipeline.1.scale": (128, 64),
    "test_dataloader.dataset.pipeline.1.scale": (128, 64),
    **SEG_HEADS,
}
SMALL_WINDOWS = {"model.test_cfg.crop_size": (96, 96), "model.test_cfg.stride": (64, 64)}  # some pictures are smaller
PLAIN_VIT = {
    "model.backbone.arch": "tiny",
    "model.backbone.img_size": 64,
    "model.neck.embed_dim": 192,
    "model.decode_head.in_channels": [192] * 4,
    "model.auxiliary_head.in_channels": 192,
}
SMALL_DET = {
    "train_cfg.max_epochs": 1,
    "default_hooks.logger.interval": 1,
    "train_dataloader.batch_size": 1,
    "train_dataloader.dataset.pipeline.2.scale": (128, 96),
    "val_dataloader.dataset.pipeline.1.scale": (128, 96),
    "test_dataloader.dataset.pipeline.1.scale": (128, 96),
}
# The scores of an untrained classifier are below the usual thresholds, and without a box mmdet writes no metric.
ANY_BOX = {"model.test_cfg.rcnn.score_thr": 0.0, "model.test_cfg.rpn.max_per_img": 20}
SWIN_DIMS = [96, 192, 384, 768]
RESNET_18 = [64, 128, 256, 512]
TRANSFORMER = {f"model.{part}.num_layers": 2 for part in ("encoder", "decoder")} | {
    f"model.{part}.layer_cfg.ffn_cfg.feedforward_channels": 32 for part in ("encoder", "decoder")
}
RANDOM_CHOICE = "train_dataloader.dataset.pipeline.3.transforms"
QUERIES = "model.panoptic_head"

# name -> (package, config, encoder whose snippet of docs/downstream.md is used, options beside the common ones)
CLIENTS: dict[str, tuple[str, str, str, dict]] = {
    "upernet_vit": ("mmseg", "mae/mae-base_upernet_8xb2-amp-160k_ade20k-512x512", "ViT", SMALL_WINDOWS | PLAIN_VIT),
    "upernet_beit": ("mmseg", "beit/beit-base_upernet_8xb2-160k_ade20k-640x640", "BEiTViT", SMALL_WINDOWS | PLAIN_VIT),
    "upernet_swin": (
        "mmseg",
        "swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512",
        "Swin",
        {"model.backbone.arch": "tiny", "model.neck": None},
    ),
    "fcn_resnet": (
        "mmseg",
        "fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512",
        "ResNet",
        {
            "model.pretrained": None,
            "model.backbone.depth": 18,
            "model.backbone.output_stride": 8,
            "model.decode_head.in_channels": 512,
            "model.auxiliary_head.in_channels": 256,
        },
    ),
    "mask-rcnn_swin": (
        "mmdet",
        "swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco",
        "Swin",
        {"model.backbone.arch": "tiny", "model.neck.in_channels": SWIN_DIMS, **ANY_BOX},
    ),
    "retinanet_resnet": (
        "mmdet",
        "retinanet/retinanet_r50_fpn_1x_coco",
        "ResNet",
        {"model.backbone.depth": 18, "model.neck.in_channels": RESNET_18, "model.test_cfg.score_thr": 0.0},
    ),
    "cascade_beit": (
        "mmdet",
        "cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco",
        "BEiTViT",
        {
            "model.backbone.arch": "tiny",
            "model.backbone.img_size": 128,
            **ANY_BOX,
        },
    ),
    "dino_resnet": (
        "mmdet",
        "dino/dino-4scale_r50_8xb2-12e_coco",
        "ResNet",
        {
            "model.backbone.depth": 18,
            "model.backbone.out_indices": [1, 2, 3],
            "model.neck.in_channels": RESNET_18[1:],
            "model.num_queries": 20,
            "model.dn_cfg.group_cfg.num_dn_queries": 5,
            "model.test_cfg.max_per_img": 20,
            f"{RANDOM_CHOICE}.0.0.scales": [(96, 128)],
            f"{RANDOM_CHOICE}.1.0.scales": [(96, 128)],
            f"{RANDOM_CHOICE}.1.1.crop_size": (64, 64),
            f"{RANDOM_CHOICE}.1.2.scales": [(96, 128)],
            **TRANSFORMER,
        },
    ),
    "mask2former_swin": (
        "mmdet",
        "mask2former/mask2former_r50_8xb2-lsj-50e_coco",
        "Swin",
        {
            "model.backbone.arch": "tiny",
            "model.neck": None,
            "train_cfg.max_iters": 3,
            "train_cfg.val_interval": 3,
            "train_cfg.dynamic_intervals": None,
            "default_hooks.checkpoint.interval": 3,
            "train_dataloader.dataset.pipeline.3.scale": (128, 128),
            "train_dataloader.dataset.pipeline.4.crop_size": (128, 128),
            "model.data_preprocessor.batch_augments.0.size": (128, 128),
            f"{QUERIES}.in_channels": SWIN_DIMS,
            f"{QUERIES}.num_queries": 10,
            f"{QUERIES}.transformer_decoder.num_layers": 2,
            f"{QUERIES}.transformer_decoder.layer_cfg.ffn_cfg.feedforward_channels": 32,
            f"{QUERIES}.pixel_decoder.encoder.num_layers": 1,
            "model.train_cfg.num_points": 64,
            "model.test_cfg.max_per_image": 10,
        },
    ),
}
OMITTED_OPTIONS = {  # common options for which a config has no place
    "dino_resnet": ["train_dataloader.dataset.pipeline.2.scale"],
    "mask2former_swin": ["train_cfg.max_epochs", "train_dataloader.dataset.pipeline.2.scale"],
}


def snippet(encoder: str) -> str:
    """Return the config of docs/downstream.md for this encoder."""
    text = (ROOT / "docs" / "downstream.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(_base_ = \"mm(?:seg|det)::.*?)```", text, flags=re.DOTALL)
    (found,) = [block for block in blocks if f'type="mmmim.{encoder}"' in block]
    return found


def pyramid() -> str:
    """Return the neck between a plain ViT and an FPN's heads, from docs/downstream.md."""
    text = (ROOT / "docs" / "downstream.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"`neck=(\[dict\(type=\"mmmim.ViTPyramid\", in_channels=768\).*\])`", text)
    return found


def shipped(package: str, config: str) -> Path:
    """Return the file of a config that mmseg or mmdet ships."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / ".mim" / "configs" / f"{config}.py"


def write_config(name: str, checkpoint: str, folder: Path) -> Path:
    """Write the snippet of the encoder, based on the upstream config of this client, and return its file."""
    package, config, encoder, _ = CLIENTS[name]
    text = re.sub(r'_base_ = ".*"', f'_base_ = "{shipped(package, config)}"', snippet(encoder))
    if package == "mmdet":
        text = re.sub(r"    (pretrained|data_preprocessor)=.*\n", "", text)  # settings of mmseg's models
    if name == "cascade_beit":
        text += f"model['neck'] = {pyramid()}\n".replace("768", "192")
    file = folder / f"{name}.py"
    file.write_text(text.replace("CKPT", checkpoint), encoding="utf-8")
    return file


def options(name: str, data: Path) -> list[str]:
    """Return the ``--cfg-options`` that make a client small and let it read ``data``."""
    package, _, _, own = CLIENTS[name]
    loaders = [f"{split}_dataloader" for split in ("train", "val", "test")]
    values = dict(SMALL_SEG if package == "mmseg" else SMALL_DET)
    for key in OMITTED_OPTIONS.get(name, []):
        values.pop(key)
    for loader in loaders:
        values |= {f"{loader}.num_workers": 0, f"{loader}.persistent_workers": False}
        values[f"{loader}.dataset.data_root"] = f"{data}/"
    if package == "mmdet":
        annotations = f"{data}/annotations/instances_val2017.json"
        values |= {f"{split}_evaluator.ann_file": annotations for split in ("val", "test")}
    values |= {"visualizer.name": name, **own}  # MMEngine allows one visualizer per name in a process
    return [f"{key}={str(value).replace(' ', '')}" for key, value in values.items()]
