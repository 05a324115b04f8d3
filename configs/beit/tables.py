"""Published results of BEiT (Bao et al., ICLR 2022), its own and those that later papers print for it.

None of the numbers was measured by us. Rows with a config can be started.
"""

from __future__ import annotations

from typing import Any

from mmmim.reproduce.tables import Evaluation, Row, Table

B300, B800 = "vit-b_300e.py", "vit-b_800e.py"
FINETUNE = dict(finetune="downstream/ft_vit-b_100e_in1k.py")
LINEAR = dict(linear="downstream/linear_vit-b_100e_in1k.py")
BEST_BLOCK = dict(linear="downstream/linear_vit-b_layerwise_100e_in1k.py")
LINEAR_SEG = dict(mIoU="downstream/linear-seg_vit-b_160k_ade20k.py")
MASK_RCNN = dict.fromkeys(("bbox_mAP", "segm_mAP"), "downstream/mask-rcnn_vit-b_1x_coco.py")
UPERNET = dict(mIoU="downstream/upernet_vit-b_160k_ade20k.py")
AT_384 = dict(finetune_384=Evaluation("downstream/ft384_vit-b_10e_in1k.py", after=FINETUNE["finetune"]))
NO_RECIPE = "{} is not among the configs: the papers that print this number give no recipe of BEiT's"


def epochs(count: int) -> dict[str, Any]:
    return {"train_cfg.max_epochs": count}


IMAGENET = Table(
    "imagenet",
    "ImageNet-1K top-1 after fine-tuning; pre-training on ImageNet-1K",
    "CIM, ICLR 2023, Tables 1, 9, 11; ConMIM, ICLR 2023, Table 1",
    ("finetune", "finetune_384"),
    (
        Row("vit-s-300e", published={"finetune": 81.3}, number_only=NO_RECIPE.format("ViT-S")),
        Row("vit-b-300e", config=B300, published={"finetune": 82.9}, evaluation=FINETUNE),
        Row(
            "vit-b-800e",
            config=B800,
            published={"finetune": 83.2, "finetune_384": 84.6},
            evaluation=FINETUNE | AT_384,
            note="at 384 for another tenth of the epochs (ConMIM); the lr of it is ours",
        ),
        Row("vit-b-1600e", config=B800, overrides=epochs(1600), published={"finetune": 83.3}, evaluation=FINETUNE),
        Row(
            "vit-l-800e",
            published={"finetune": 85.2, "finetune_384": 86.3},
            number_only=NO_RECIPE.format("ViT-L"),
        ),
    ),
)

CCMIM = Table(
    "ccmim",
    "As printed for comparison with ccMIM: linear probe, fine-tuning, COCO with Mask R-CNN 1x",
    "ccMIM's tables",
    ("linear", "finetune", "bbox_mAP", "segm_mAP"),
    (
        Row("vit-s-300e", published={"bbox_mAP": 35.6, "segm_mAP": 32.6}, number_only=NO_RECIPE.format("ViT-S")),
        Row(
            "vit-b-300e",
            config=B300,
            published={"linear": 37.6, "finetune": 83.0, "bbox_mAP": 39.5, "segm_mAP": 35.9},
            evaluation=LINEAR | FINETUNE | MASK_RCNN,
        ),
        Row("vit-b-800e", config=B800, published={"bbox_mAP": 42.1, "segm_mAP": 37.8}, evaluation=MASK_RCNN),
    ),
)

SIMMIM = Table(
    "simmim",
    "As printed for comparison with SimMIM: cost relative to SimMIM's, without the tokenizer",
    "SimMIM, CVPR 2022, Table 6",
    ("finetune", "linear", "cost"),
    (
        Row(
            "vit-b-800e",
            config=B800,
            published={"finetune": 83.2, "linear": 56.7, "cost": 1.5},
            evaluation=FINETUNE | BEST_BLOCK,
            note="epochs not printed; linear: the best block",
            number_only={"cost": "simmim table6 counts and times it"},
        ),
    ),
)

ADE20K = Table(
    "ade20k",
    "mIoU, 160k iterations",
    "CIM, Table 3a (one linear layer); Beyond Masking, Table 3; ConMIM, Table 2 (after supervised fine-tuning)",
    ("mIoU",),
    (
        Row("vit-b-300e-linear-layer", config=B300, published={"mIoU": 43.2}, evaluation=LINEAR_SEG),
        Row("vit-b-300e-upernet", config=B300, published={"mIoU": 45.5}, evaluation=UPERNET),
        Row("vit-s-upernet-finetuned", published={"mIoU": 46.3}, number_only=NO_RECIPE.format("ViT-S")),
        Row("vit-b-upernet-finetuned", published={"mIoU": 47.7}, number_only="ConMIM prints neither epochs nor recipe"),
    ),
)

MMPRETRAIN = Table(
    "mmpretrain",
    "Top-1 of MMPretrain's own run, whose betas are (0.9, 0.999)",
    "open-mmlab/mmpretrain, configs/beit",
    ("finetune",),
    (Row("vit-b-300e", config=B300, published={"finetune": 83.1}, evaluation=FINETUNE),),
)

TABLES = [IMAGENET, CCMIM, SIMMIM, ADE20K, MMPRETRAIN]
