"""Tables 1-9 of ConMIM (Yi et al., ICLR 2023; numbers of the first arXiv version) and those of its repository.

All numbers are the authors', as printed; none was measured by us. Rows with a config are ConMIM's own and can be
started; the others carry numbers for comparison only. Ablations: ViT-B, 300 epochs, ImageNet-1K top-1 after
fine-tuning. Tables 10-13 are the recipes.
"""

from __future__ import annotations

import math
from typing import Any

from mmmim.reproduce.tables import Evaluation, Row, Table

PAPER = "ConMIM, arXiv 2205.09616v1"
CODE = "TencentARC/ConMIM, README"
BASE = "vit-b_300e.py"
TOP1 = ("finetune",)
SIZES = ("finetune", "finetune_384")  # at 224 pixels, and a tenth of the epochs more at 384
FINETUNE = {
    "vit-s": "downstream/ft_vit-s_200e_in1k.py",
    "vit-b": "downstream/ft_vit-b_100e_in1k.py",
    "vit-l": "downstream/ft_vit-l_50e_in1k.py",
}
LRS_OF_VIT_S = (1e-3, 2e-3, 4e-3, 5e-3)  # Table 11 has the best of them; of ViT-B, the repository names it
FINETUNE_384 = {
    "vit-s": "downstream/ft384_vit-s_20e_in1k.py",
    "vit-b": "downstream/ft384_vit-b_10e_in1k.py",
    "vit-l": "downstream/ft384_vit-l_5e_in1k.py",
}


def ablation(
    name: str, accuracy: float | None, overrides: dict[str, Any] | None = None, note: str = "", toy: Any = None
) -> Row:
    published = {} if accuracy is None else {"finetune": accuracy}
    evaluation = dict(finetune=FINETUNE["vit-b"])
    return Row(name, BASE, overrides or {}, published=published, evaluation=evaluation, note=note, toy=toy)


def other(name: str, accuracy: float, note: str = "") -> Row:
    return Row(name, published={"finetune": accuracy}, note=note)


def sizes(name: str, numbers: dict[int, float], config: str | None = None, **settings: Any) -> Row:
    published = {{224: "finetune", 384: "finetune_384"}[size]: accuracy for size, accuracy in numbers.items()}
    arch = "" if config is None else config[:5]
    evaluation: dict[str, str | Evaluation] = {}
    if arch:
        evaluation["finetune"] = Evaluation(FINETUNE[arch], lrs=LRS_OF_VIT_S if arch == "vit-s" else ())
    if arch and "finetune_384" in published:
        evaluation["finetune_384"] = Evaluation(FINETUNE_384[arch], after=FINETUNE[arch])
    return Row(name, config=config, published=published, evaluation=evaluation, **settings)


def replaced(part: str, **settings: Any) -> dict[str, Any]:
    return {f"model.{part}": dict(settings, _delete_=True)}


def epochs(count: int) -> dict[str, Any]:
    return {"train_cfg.max_epochs": count}


# --- Table 1 ---
TABLE_1 = Table(
    "table1",
    "ImageNet-1K, fine-tuned at 224 and 384 pixels",
    f"{PAPER}, Table 1",
    SIZES,
    (
        sizes("deit-s", {224: 79.8}, note="from scratch"),
        sizes("deit-b", {224: 81.8, 384: 83.1}, note="from scratch"),
        sizes("mocov3-s", {224: 81.4}, note="300 epochs"),
        sizes("dino-s", {224: 81.5}, note="800 epochs"),
        sizes("mae-s", {224: 80.9}, note="800 epochs, run by ConMIM's authors"),
        sizes("cim-s", {224: 81.6}, note="300 epochs"),
        sizes("beit-s", {224: 81.3}, note="300 epochs"),
        sizes("conmim-s", {224: 82.0, 384: 83.9}, "vit-s_300e.py"),
        sizes("mocov3-b", {224: 83.2}, note="300 epochs"),
        sizes("dino-b", {224: 82.8}, note="800 epochs"),
        sizes("mae-b", {224: 83.6}, note="1600 epochs"),
        sizes("cim-b", {224: 83.3}, note="300 epochs"),
        sizes("beit-b-300e", {224: 82.9}),
        sizes("beit-b-800e", {224: 83.2, 384: 84.6}),
        sizes("conmim-b-300e", {224: 83.5}, BASE),
        sizes("conmim-b-800e", {224: 83.7, 384: 85.3}, "vit-b_800e.py"),
    ),
)


# --- Tables 2 and 3: transfer ---
def after_finetuning(arch: str, config: str, *metrics: str, lrs: tuple[float, ...] = ()) -> dict[str, Evaluation]:
    return dict.fromkeys(metrics, Evaluation(f"downstream/{config}.py", after=FINETUNE[arch], lrs=lrs))


LRS_OF_UPERNET = (1e-5, 3e-5, 5e-5, 7e-5)  # Table 12


TABLE_2 = Table(
    "table2",
    "ADE20K (UperNet, 160k); * fine-tuned on ImageNet-1K before",
    f"{PAPER}, Table 2",
    ("mIoU",),
    (
        Row("beit-s", published={"mIoU": 46.3}, note="*"),
        Row(
            "conmim-s",
            config="vit-s_300e.py",
            published={"mIoU": 47.7},
            evaluation=after_finetuning("vit-s", "upernet_vit-s_160k_ade20k", "mIoU", lrs=LRS_OF_UPERNET),
            note="*",
        ),
        Row("supervised-b", published={"mIoU": 45.3}),
        Row("mocov3-b", published={"mIoU": 47.2}),
        Row("dino-b", published={"mIoU": 46.8}),
        Row("beit-b", published={"mIoU": 47.7}, note="*"),
        Row(
            "conmim-b",
            config="vit-b_800e.py",
            published={"mIoU": 49.8},
            evaluation=after_finetuning("vit-b", "upernet_vit-b_160k_ade20k", "mIoU", lrs=LRS_OF_UPERNET),
            note="*",
        ),
    ),
)


def coco(name: str, lr: str, box: float, mask: float, config: str | None = None) -> Row:
    published, arch = {"bbox_mAP": box, "segm_mAP": mask}, "" if config is None else config[:5]
    evaluation = after_finetuning(arch, f"mask-rcnn_{arch}_lsj_25e_coco", *published) if arch else {}
    return Row(name, config=config, published=published, evaluation=evaluation, note=f"best lr {lr}")


TABLE_3 = Table(
    "table3",
    "COCO (Mask R-CNN, 25 epochs); MAE and ConMIM fine-tuned on ImageNet-1K before",
    f"{PAPER}, Table 3",
    ("bbox_mAP", "segm_mAP"),
    (
        coco("deit-s", "8e-5", 43.1, 38.8),
        coco("mae-s", "8e-5", 41.5, 37.8),
        coco("conmim-s", "1e-4", 45.8, 41.0, "vit-s_300e.py"),
        coco("deit-b", "8e-5", 46.5, 41.7),
        coco("dino-b", "8e-5", 47.6, 42.3),
        coco("mocov3-b", "1.6e-4", 47.3, 42.2),
        coco("mae-b", "8e-5", 47.8, 42.9),
        coco("conmim-b", "1e-4", 48.7, 43.6, "vit-b_800e.py"),
    ),
)

# --- Tables 4-6: what the method is made of ---
DEFAULT = ablation("conmim", 83.51)
SCRATCH = other("deit-b", 81.8, "from scratch")
NO_MASK = {"model.masker": None, "model.backbone.mask_mode": None}
INSTANCE = {"model.neck.pool": True, "model.neck.norm": "sync_bn"} | replaced("head", type="InstanceContrastHead")
INSTANCE_NOTE = (
    "mean of the patches before the projector, negatives and batch statistics of all processes: ours, the paper gives "
    "no details"
)

TABLE_4 = Table(
    "table4",
    "Denoising and patch-level contrast",
    f"{PAPER}, Table 4",
    TOP1,
    (
        SCRATCH,
        other("mocov3", 83.2, "instance contrast"),
        DEFAULT,
        ablation("instance-contrast", 82.26, NO_MASK | INSTANCE, INSTANCE_NOTE),
        ablation("patch-contrast-no-mask", None, NO_MASK, "'fail' in the paper"),
    ),
)


def dictionary(**settings: Any) -> dict[str, Any]:
    return {f"model.head.{name}": value for name, value in settings.items()}


FILTER_NOTE = "the threshold 0.7 and the similarity, of keys with the positive key, are ours; the paper gives neither"

TABLE_5 = Table(
    "table5",
    "Size of the dictionary",
    f"{PAPER}, Table 5",
    TOP1,
    (
        SCRATCH,
        DEFAULT,
        ablation("more", 82.60, dictionary(dictionary="gpu"), "of 128 images; the paper does not say how many"),
        ablation("fewer", 83.12, dictionary(dictionary="filtered", filter_threshold=0.7), FILTER_NOTE),
    ),
)

STRONG_QUERY = replaced("query_view", type="PhotometricView")
BASIC_KEY = {"model.key_view": None}

TABLE_6 = Table(
    "table6",
    "Asymmetric views and models",
    f"{PAPER}, Table 6",
    TOP1,
    (
        SCRATCH,
        DEFAULT,
        ablation("both-strong", 83.41, STRONG_QUERY, "each view has its own draw: ours"),
        ablation("both-basic", 83.35, BASIC_KEY),
        ablation("switched", 82.62, STRONG_QUERY | BASIC_KEY),
        ablation("no-slow-model", 81.53, {"model.target_generator.source": "online"}),
    ),
)

# --- Tables 7-9: hyper-parameters ---
BLOCK = {0.4: 82.12, 0.6: 83.20, 0.75: 83.11, 0.9: 82.63}
BLOCK_NOTE = "as many patches as the random masks of the same ratio, always; the authors' code often misses its number"
RANDOM = {0.6: 82.52, 0.75: 83.51, 0.9: 83.04}


def hidden(ratio: float, cells: int) -> int:
    """Patches that random masks hide: whole cells of 2 x 2 patches, rounded up."""
    return 4 * math.ceil(cells * ratio)


def blocks(ratio: float, cells: int = 7 * 7) -> dict[str, Any]:
    return replaced("masker", type="BlockMasker", num_masked=hidden(ratio, cells), patience=10)


TABLE_7 = Table(
    "table7",
    "Masking strategy and ratio",
    f"{PAPER}, Table 7",
    TOP1,
    (
        *(ablation(f"block-{r}", top1, blocks(r), BLOCK_NOTE, blocks(r, cells=4 * 4)) for r, top1 in BLOCK.items()),
        *(
            ablation(f"random-{r}", top1, {"model.masker.mask_ratio": r}, "cells of 32 pixels: assumed")
            for r, top1 in RANDOM.items()
        ),
    ),
)

TEMPERATURES = {0.05: 82.55, 0.07: 83.03, 0.1: 83.51, 0.15: 83.32, 0.2: 83.35}

TABLE_8 = Table(
    "table8",
    "Temperature",
    f"{PAPER}, Table 8",
    TOP1,
    tuple(ablation(f"tau-{tau}", top1, {"model.head.temperature": tau}) for tau, top1 in TEMPERATURES.items()),
)


def toy_momentum(start: float) -> dict[str, Any]:
    """Ten times as far from 1, as the toy config has it: a run of 192 steps."""
    return {"model.target_generator.start": round(1 - 10 * (1 - start), 3)}


MOMENTA = {0.99: 83.11, 0.996: 83.51, 0.999: 83.31}

TABLE_9 = Table(
    "table9",
    "Momentum at the start",
    f"{PAPER}, Table 9",
    TOP1,
    tuple(
        ablation(f"alpha-{start}", top1, {"model.target_generator.start": start}, toy=toy_momentum(start))
        for start, top1 in MOMENTA.items()
    ),
)

# --- the authors' repository, later than the paper's first version ---
LARGE = "vit-l_800e.py"

REPOSITORY = Table(
    "repository",
    "ViT-L, and other methods beside all sizes; epochs of contrastive methods are effective ones",
    CODE,
    SIZES,
    (
        sizes("simmim-s", {224: 80.1}, note="800 epochs"),
        sizes("ibot-s-600e", {224: 81.5}),
        sizes("ibot-s-3200e", {224: 82.3}),
        sizes("simmim-b", {224: 83.8}, note="800 epochs"),
        sizes("ibot-b-600e", {224: 82.0}),
        sizes("ibot-b-1600e", {224: 84.0, 384: 85.0}),
        sizes("mae-b-800e", {224: 83.3}),
        sizes("mae-b-1600e", {384: 84.9}),
        sizes("scratch-l", {224: 82.6}),
        sizes("mocov3-l", {224: 84.1}, note="600 epochs"),
        sizes("mae-l-400e", {224: 84.3}),
        sizes("mae-l-800e", {224: 85.2}),
        sizes("mae-l-1600e", {224: 85.9}),
        sizes("beit-l", {224: 85.2, 384: 86.3}, note="800 epochs"),
        sizes("ibot-l", {224: 84.8}, note="1000 epochs"),
        sizes("conmim-l-400e", {224: 84.6}, LARGE, overrides=epochs(400), note="its schedule is assumed"),
        sizes("conmim-l-800e", {224: 85.2, 384: 86.3}, LARGE),
        sizes("conmim-l-1600e", {224: 85.5, 384: 86.5}, "vit-l_1600e.py"),
    ),
)

TABLES = [TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5, TABLE_6, TABLE_7, TABLE_8, TABLE_9, REPOSITORY]
