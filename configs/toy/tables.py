"""All methods at toy scale, on the built-in pictures: what docs/results.md shows. Nothing is published for these rows.

    python tools/reproduce.py toy classification --seeds 3
    python tools/reproduce.py toy dense

A pre-training lasts one to four minutes on two CPU cores. Encoders are the same for all methods of a family; `none` is
the encoder as it is initialised, `supervised` a classifier trained from random weights on the labelled pictures.
"""

from __future__ import annotations

from typing import Any

from mmmim.reproduce.tables import Evaluation, Row, Table

SOURCE = "configs/*/*_toy.py; nothing is published at this scale"
METHODS = {
    "ccmim": "ccmim/vit-tiny_toy",
    "mae": "mae/vit-tiny_toy",
    "simmim-vit": "simmim/vit-tiny_toy",
    "beit": "beit/vit-tiny_toy",
    "conmim": "conmim/vit-tiny_toy",
    "beyond-masking-masked": "beyond_masking/vit-tiny_masked_toy",
    "beyond-masking-integrated": "beyond_masking/vit-tiny_integrated_toy",
    "cim-revdet-vit": "cim/vit-tiny_revdet_toy",
    "cim-respix-vit": "cim/vit-tiny_respix_toy",
    "simmim-swin": "simmim/swin-tiny_toy",
    "cim-revdet-resnet": "cim/resnet-tiny_revdet_toy",
    "cim-respix-resnet": "cim/resnet-tiny_respix_toy",
}
# One method of a family stands for its encoder. SimMIM's ViT differs from MAE's in positions and initialisation;
# BEiT's and ConMIM's are SimMIM's with absolute positions as well, CIM's is without relative positions and LayerScale.
ENCODERS = {
    "vit": "mae/vit-tiny_toy",
    "beit-vit": "simmim/vit-tiny_toy",
    "cim-vit": "cim/vit-tiny_revdet_toy",
    "swin": "simmim/swin-tiny_toy",
    "resnet": "cim/resnet-tiny_revdet_toy",
}
SUPERVISED_EPOCHS = 16  # twice the fine-tuning's
# A classifier of its own, from random weights.
FROM_SCRATCH: dict[str, Any] = {"model.backbone.init_cfg": None}


def downstream(config: str, task: str) -> str:
    method, name = config.split("/")
    return f"../{method}/downstream/{task}_{name.split('_')[0]}_toy.py"


def classification(config: str) -> dict[str, str | Evaluation | None]:
    return dict(linear="probe", knn="knn", finetune=downstream(config, "ft"))


def dense(config: str) -> dict[str, str | Evaluation | None]:
    boxes = downstream(config, "mask-rcnn")
    maps = downstream(config, "fcn" if "resnet" in config else "upernet")
    return dict(mIoU=maps, bbox_mAP=boxes, segm_mAP=boxes)


def rows(evaluations: Any, supervised: dict[str, Any]) -> tuple[Row, ...]:
    """Untrained and supervised encoders, then all methods."""
    scratch = FROM_SCRATCH | dict.fromkeys(("train_cfg.max_epochs", "train_cfg.val_interval"), SUPERVISED_EPOCHS)
    scratch |= {"param_scheduler.1.T_max": SUPERVISED_EPOCHS - 1, "param_scheduler.1.end": SUPERVISED_EPOCHS}
    return (
        *(Row(f"none-{n}", f"../{c}.py", evaluation=evaluations(c), untrained=True) for n, c in ENCODERS.items()),
        *(
            Row(f"supervised-{n}", downstream(c, "ft"), scratch, evaluation=evaluations(c) | supervised)
            for n, c in ENCODERS.items()
        ),
        *(Row(n, f"../{c}.py", evaluation=evaluations(c)) for n, c in METHODS.items()),
    )


CLASSIFICATION = Table(
    "classification",
    "Top-1 of eight materials: linear probe (4096 pictures), k-NN (k = 20, 4096 pictures), fine-tuning (1024 pictures)",
    SOURCE,
    ("linear", "knn", "finetune"),
    rows(classification, dict(finetune=None)),
)

DENSE = Table(
    "dense",
    "Segmentation (mIoU of UperNet, of FCN for ResNets) and detection (box and mask AP of Mask R-CNN)",
    SOURCE,
    ("mIoU", "bbox_mAP", "segm_mAP"),
    rows(dense, {}),
)

TABLES = [CLASSIFICATION, DENSE]
