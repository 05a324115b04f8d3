"""Tables 1-13 and Appendix E of SimMIM (Xie et al., CVPR 2022).

All numbers are the paper's, as printed; none was measured by us. Rows with a config are SimMIM's own and can be
started; the others carry numbers for comparison only. Unless said otherwise: Swin-B, 100 epochs, 192 pixels,
ImageNet-1K top-1 after fine-tuning.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mmmim.reproduce.tables import Count, Evaluation, Row, Table

PAPER = "SimMIM, CVPR 2022"
BASE = "swin-b_100e.py"
TOP1 = ("finetune",)
COST = ("finetune", "gflop", "cost")
COUNTS: dict[str, str | Evaluation | Count | None] = dict(gflop=Count("gflop"), cost=Count("cost"))
FT_192, FT_224 = "downstream/ft_swin-b_192_100e_in1k.py", "downstream/ft_swin-b_224_100e_in1k.py"


def replaced(part: str, **settings: Any) -> dict[str, Any]:
    return {f"model.{part}": dict(settings, _delete_=True)}


def ablation(
    name: str, accuracy: float | None, overrides: dict[str, Any] | None = None, note: str = "", toy: Any = None
) -> Row:
    published = {} if accuracy is None else {"finetune": accuracy}
    evaluation = dict(finetune=FT_192)
    return Row(name, BASE, overrides or {}, published=published, evaluation=evaluation, note=note, toy=toy)


def toy_cell(cell: int) -> int:
    """An output of the toy encoder covers 8 pixels, of the large one 32."""
    return cell // 4


# --- Table 1: masking strategies ---
def square(side: int, accuracy: float) -> Row:
    return ablation(
        f"square-{side}",
        accuracy,
        replaced("masker", type="SquareMasker", side=side, cell_size=32),
        note=f"mask ratio {side**2}/36",
        toy=replaced("masker", type="SquareMasker", side=side + 1, cell_size=toy_cell(32)),  # of 8 x 8, not 6 x 6
    )


def block(cell: int, ratio: float, accuracy: float) -> Row:
    settings = dict(mask_ratio=ratio, cell_size=cell, min_block=16 if cell == 16 else 4, patience=10, rounding="hidden")
    toy = settings | dict(cell_size=toy_cell(cell))
    overrides, toy = (replaced("masker", type="BlockMasker", **each) for each in (settings, toy))
    return ablation(f"block-s{cell}-r{ratio}", accuracy, overrides, toy=toy)


def random(cell: int, ratio: float, accuracy: float) -> Row:
    overrides = {"model.masker.cell_size": cell, "model.masker.mask_ratio": ratio}
    note = "the default of all other tables" if (cell, ratio) == (32, 0.6) else ""
    toy: Any = overrides | {"model.masker.cell_size": toy_cell(cell)}
    if toy_cell(cell) < 2:
        toy = "a cell would be smaller than a token"
    return ablation(f"random-s{cell}-r{ratio}", accuracy, overrides, note, toy)


CELLS = {4: (81.9, 82.0, 82.1), 8: (82.0, 82.1, 82.4), 16: (82.4, 82.7, 82.8)}
RATIOS_OF_32 = (82.7, 82.8, 82.8, 82.9, 83.0, 82.8, 82.7, 82.4, 82.4)

TABLE_1 = Table(
    "table1",
    "Masking strategy, cell size and mask ratio",
    f"{PAPER}, Table 1",
    TOP1,
    (
        *(square(side, accuracy) for side, accuracy in ((2, 82.6), (3, 82.5), (4, 82.5))),
        *(block(16, ratio, accuracy) for ratio, accuracy in ((0.4, 82.7), (0.6, 82.6), (0.8, 82.4))),
        *(block(32, ratio, accuracy) for ratio, accuracy in ((0.4, 82.7), (0.6, 82.6), (0.8, 82.5))),
        *(
            random(cell, ratio, accuracy)
            for cell, accuracies in CELLS.items()
            for ratio, accuracy in zip((0.4, 0.6, 0.8), accuracies, strict=True)
        ),
        *(random(64, ratio, 82.6) for ratio in (0.1, 0.2)),
        *(random(32, tenths / 10, accuracy) for tenths, accuracy in enumerate(RATIOS_OF_32, start=1)),
    ),
)

# --- Tables 2-5: heads, resolutions, scope, targets ---
HEADS: dict[str, dict[str, Any]] = {
    "linear": {},
    "mlp": {"model.neck.depth": 2},
    "inverse-swin-t": replaced("neck", type="InverseSwinDecoder"),
    "inverse-swin-b": replaced(
        "neck", type="InverseSwinDecoder", dims=128, depths=(2, 18, 2, 2), num_heads=(32, 16, 8, 4)
    ),
}
TOY_HEADS: dict[str, Any] = {
    "inverse-swin-t": replaced("neck", type="InverseSwinDecoder", dims=32, depths=(2, 2, 2), num_heads=(4, 2, 1)),
    "inverse-swin-b": replaced("neck", type="InverseSwinDecoder", dims=48, depths=(2, 6, 2), num_heads=(4, 2, 1)),
}
INVERSE = "inner structure of the head unpublished, ours was fitted to the parameter total"

TABLE_2 = Table(
    "table2",
    "Prediction heads: 89.9M, 90.9M, 115.2M, 174.8M parameters with the encoder; GFLOP of a training step per image, "
    "and training cost relative to the linear head's",
    f"{PAPER}, Table 2",
    COST,
    tuple(
        replace(
            ablation(name, accuracy, HEADS[name], INVERSE if name.startswith("inverse") else "", TOY_HEADS.get(name)),
            published={"finetune": accuracy, "cost": cost},
            evaluation=COUNTS | dict(finetune=FT_192),
        )
        for name, accuracy, cost in zip(HEADS, (82.8, 82.8, 82.4, 82.5), (1.0, 1.2, 1.7, 2.3), strict=True)
    ),
)


def resolution(side: int) -> dict[str, Any]:
    return {"model.target_generator.downsample": 192 // side}


COARSE = "coarser than an output of the toy encoder, 8 pixels"


def coarse(side: int) -> str | None:
    return COARSE if 192 // side > 8 else None


RESOLUTIONS = {6: 82.3, 12: 82.7, 24: 82.8, 48: 82.7, 96: 82.8, 192: 82.8}

TABLE_3 = Table(
    "table3",
    "Resolution of the predicted pixels",
    f"{PAPER}, Table 3",
    TOP1,
    tuple(
        ablation(f"{side}x{side}", accuracy, resolution(side), toy=coarse(side))
        for side, accuracy in RESOLUTIONS.items()
    ),
)

TABLE_4 = Table(
    "table4",
    "Prediction of the masked area only, or reconstruction of the full image",
    f"{PAPER}, Table 4",
    TOP1,
    (ablation("masked", 82.8), ablation("full", 81.7, {"model.head.scope": "all"})),
)


def classes(**target: Any) -> dict[str, Any]:
    return replaced("target_generator", **target) | replaced("head", type="CrossEntropyHead")


def bins(count: int, side: int) -> dict[str, Any]:
    return classes(type="ColorBinTarget", bins=count, downsample=192 // side)


def pixels(side: int, loss: str) -> dict[str, Any]:
    return resolution(side) | {"model.head.loss": loss}


CLUSTERS = classes(type="ColorClusterTarget", palette="data/igpt/kmeans_centers.npy", downsample=4)
CLUSTERS_NOTE = "needs iGPT's palette in data/igpt/kmeans_centers.npy"
TOO_LARGE = "not run in the paper: the head would have {} parameters"
TOKENS = classes(type="TokenTarget", tokenizer=dict(type="DALLETokenizer"), tokens_per_patch=2)
TOY_TOKENS = classes(type="TokenTarget", tokenizer=dict(type="TinyDVAE"), tokens_per_patch=1)
NO_PALETTE = "it needs iGPT's palette"
TOKENS_NOTE = "BEiT's tokens, 2 x 2 per cell of 32 pixels; needs DALL-E's weights in data/tokenizers/dalle"

TABLE_5 = Table(
    "table5",
    "Prediction targets: classes of colour, clusters, tokens, and regressed pixels with three losses",
    f"{PAPER}, Table 5",
    TOP1,
    (
        ablation("8-bin-192", 82.7, bins(8, 192)),
        ablation("8-bin-48", 82.7, bins(8, 48)),
        Row("256-bin-192", number_only=TOO_LARGE.format("806M")),
        ablation("256-bin-48", 82.3, bins(256, 48)),
        Row("igpt-192", number_only=TOO_LARGE.format("537M")),
        ablation("igpt-48", 82.4, CLUSTERS, CLUSTERS_NOTE, NO_PALETTE),
        ablation("beit", 82.7, TOKENS, TOKENS_NOTE, TOY_TOKENS),
        ablation("l2-192", 82.7, pixels(192, "l2")),
        ablation("smooth-l1-192", 82.7, pixels(192, "smooth_l1")),
        ablation("l1-192", 82.8, pixels(192, "l1")),
        ablation("l1-48", 82.7, pixels(48, "l1")),
        ablation("l1-6", 82.3, pixels(6, "l1"), toy=COARSE),
    ),
)

# --- Tables 6, 7: other encoders and sizes ---
VIT = ("finetune", "linear", "gflop", "cost")
VIT_B = dict(finetune="downstream/ft_vit-b_100e_in1k.py", linear="downstream/linear_vit-b_layerwise_100e_in1k.py")
TABLE_6 = Table(
    "table6",
    "ViT-B: fine-tuning and linear-probe top-1, GFLOP of a training step per image, cost relative to SimMIM",
    f"{PAPER}, Table 6",
    VIT,
    (
        Row("supervised-224", published={"finetune": 81.8}),
        Row("dino", published={"finetune": 82.8, "linear": 78.2, "cost": 2.0}),
        Row("mocov3", published={"finetune": 83.2, "linear": 76.7, "cost": 1.8}),
        Row("vit-384", published={"finetune": 79.9, "cost": 4.0}),
        Row(
            "beit",
            config="../beit/vit-b_800e.py",
            published={"finetune": 83.2, "linear": 56.7, "cost": 1.5},
            evaluation=COUNTS,
            note="the cost is without the training of the tokenizer, which runs in each step; 800 epochs: ours",
            number_only="beit simmim runs it",
        ),
        Row(
            "simmim",
            config="vit-b_800e.py",
            published={"finetune": 83.8, "linear": 56.7, "cost": 1.0},
            evaluation=COUNTS | VIT_B,
            note="linear: the best block",
        ),
        Row(
            "simmim-as-printed",
            config="vit-b_paper_800e.py",
            evaluation=VIT_B | dict(finetune="downstream/ft_vit-b_paper_100e_in1k.py"),
            note="learning rate and warm-up of the paper; fine-tuned with its warm-up, without clipping",
        ),
    ),
)


def larger(name: str, accuracy: float | None, config: str, finetune: str, note: str) -> Row:
    published = {} if accuracy is None else {"finetune": accuracy}
    return Row(name, config, published=published, evaluation=dict(finetune=f"downstream/ft_{finetune}.py"), note=note)


PRINTED = "fine-tuned at 224 with the paper's layer decay 0.75, drop path 0.1 and warm-up, without clipping"
PRIVATE = "pre-trained on private data; swinv2-g_20e.py holds what is known of it"

TABLE_7 = Table(
    "table7",
    "Scaling: pre-trained at 192 for 800 epochs",
    f"{PAPER}, Table 7, and the official repository for the 100-epoch rows",
    TOP1,
    (
        Row("supervised-swin-b", published={"finetune": 83.3}, note="fine-tuned at 224"),
        Row("supervised-swin-l", published={"finetune": 83.5}, note="fine-tuned at 224"),
        Row("supervised-swinv2-h", published={"finetune": 83.3}, note="fine-tuned at 224"),
        larger("swin-b-100e-192", 82.8, BASE, "swin-b_192_100e_in1k", "fine-tuned at 192"),
        larger("swin-b-100e", 83.5, BASE, "swin-b_224_100e_in1k", "fine-tuned at 224"),
        larger("swin-b", 84.0, "swin-b_800e.py", "swin-b_224_100e_in1k", "fine-tuned at 224"),
        larger("swin-l", 85.4, "swin-l_800e.py", "swin-l_224_100e_in1k", "fine-tuned at 224"),
        larger("swin-l-as-printed", None, "swin-l_800e.py", "swin-l_224-paper_100e_in1k", PRINTED),
        larger("swinv2-h", 85.7, "swinv2-h_800e.py", "swinv2-h_224_50e_in1k", "fine-tuned at 224"),
        larger("swinv2-h-512", 87.1, "swinv2-h_800e.py", "swinv2-h_512_50e_in1k", "fine-tuned at 512"),
        Row("swinv2-g-640", published={"finetune": 90.2}, note="fine-tuned at 640", number_only=PRIVATE),
    ),
)


# --- Table 8: cost of the encoders, nothing to train ---
def encoder(name: str, finetune: str, at_192: float, at_224: float) -> Row:
    counts = dict(gmacs_192=Count("gmacs"), gmacs_224=Count("gmacs", f"downstream/{finetune}.py"))
    return Row(name, f"{name}_800e.py", published={"gmacs_192": at_192, "gmacs_224": at_224}, evaluation=counts)


TABLE_8 = Table(
    "table8",
    "GMACs of the encoders at 192 (pre-training) and 224 (fine-tuning)",
    f"{PAPER}, Table 8",
    ("gmacs_192", "gmacs_224"),
    (
        encoder("swin-b", "ft_swin-b_224_100e_in1k", 11.3, 15.4),
        encoder("swin-l", "ft_swin-l_224_100e_in1k", 26.0, 35.8),
        encoder("swinv2-h", "ft_swinv2-h_224_50e_in1k", 86.2, 118.1),
    ),
)


# --- Table 9: schedules ---
def cosine(epochs: int) -> dict[str, Any]:
    return {"train_cfg.max_epochs": epochs}


def step(epochs: int) -> dict[str, Any]:
    settings = dict(type="WarmupStepLR", warmup=10, warmup_lr=1e-6, gamma=0.1, begin=0, convert_to_iter_based=True)
    milestones = [epochs * 9 // 10, epochs * 19 // 20]
    return {
        "param_scheduler": dict(settings, milestones=milestones, end=epochs, _delete_=True),
        "train_cfg.max_epochs": epochs,
    }


TABLE_9 = Table(
    "table9",
    "Cosine, or steps of 0.1 at 90 % and 95 % of the run",
    f"{PAPER}, Table 9",
    TOP1,
    (
        ablation("cosine-100e", 82.8),
        ablation("cosine-300e", 83.0, cosine(300)),
        ablation("step-100e", 82.9, step(100)),
        ablation("step-300e", 83.3, step(300)),
    ),
)

# --- Tables 10-12: transfer ---
# Published mIoU is that of a multi-scale test (appendix C.1); the test at one scale comes with the training.
MIOU = ("mIoU_single_scale", "mIoU_multi_scale")
TRANSFER = ("finetune", "inat18", "bbox_mAP", "mIoU_multi_scale")


def segment(config: str, after: str) -> dict[str, str | Evaluation]:
    """UperNet with the better of the paper's two lrs, tested at one scale and at several."""
    single = Evaluation(f"downstream/{config}.py", after=after, lrs=(1e-4, 3e-4))
    return dict(zip(MIOU, (single, replace(single, multi_scale=True)), strict=True))


EVALUATION: dict[str, str | Evaluation] = dict(
    finetune=FT_192,
    inat18="downstream/ft_swin-b_100e_inat18.py",
    bbox_mAP="downstream/mask-rcnn_swin-b_lsj_3x_coco.py",
    **segment("upernet_swin-b_80k_ade20k", FT_192),
)


def transfer(name: str, overrides: dict[str, Any], numbers: tuple[float, ...], note: str = "", toy: Any = None) -> Row:
    published = dict(zip(TRANSFER, numbers, strict=True))
    return Row(name, BASE, overrides, published=published, evaluation=EVALUATION, note=note, toy=toy)


TABLE_10 = Table(
    "table10",
    "Heads: ImageNet-1K, iNaturalist 2018, COCO, ADE20K (after supervised fine-tuning on ImageNet-1K)",
    f"{PAPER}, Table 10",
    (*TRANSFER[:-1], *MIOU),
    (
        transfer("linear", HEADS["linear"], (82.8, 75.2, 49.9, 50.0)),
        transfer("mlp", HEADS["mlp"], (82.8, 75.0, 50.1, 49.9)),
        transfer(
            "inverse-swin-t", HEADS["inverse-swin-t"], (82.4, 74.9, 49.8, 49.4), INVERSE, TOY_HEADS["inverse-swin-t"]
        ),
        transfer(
            "inverse-swin-b", HEADS["inverse-swin-b"], (82.5, 75.0, 49.8, 49.0), INVERSE, TOY_HEADS["inverse-swin-b"]
        ),
    ),
)

TABLE_11 = Table(
    "table11",
    "Targets: ImageNet-1K, iNaturalist 2018, COCO, ADE20K (after supervised fine-tuning on ImageNet-1K)",
    f"{PAPER}, Table 11",
    (*TRANSFER[:-1], *MIOU),
    (
        transfer("8-bin-48", bins(8, 48), (82.7, 75.3, 50.0, 49.7)),
        transfer("256-bin-48", bins(256, 48), (82.3, 74.6, 49.7, 49.3)),
        transfer("igpt-48", CLUSTERS, (82.4, 75.0, 49.6, 49.1), CLUSTERS_NOTE, NO_PALETTE),
        transfer("beit", TOKENS, (82.7, 75.2, 50.1, 48.8), TOKENS_NOTE, TOY_TOKENS),
        transfer("l1-192", {}, (82.8, 75.2, 49.9, 50.0)),
    ),
)


FINETUNED = {
    "swin-b": FT_224,
    "swin-l": "downstream/ft_swin-l_224_100e_in1k.py",
    "swinv2-h": "downstream/ft_swinv2-h_224_50e_in1k.py",
}


def dense(name: str, box: float, miou: float) -> Row:
    published = {"bbox_mAP": box, "mIoU_multi_scale": miou}
    if name not in FINETUNED:
        return Row(name, published=published)
    maps = segment(f"upernet_{name}_80k_ade20k", FINETUNED[name])
    boxes = f"downstream/mask-rcnn_{name}_lsj_3x_coco.py"
    return Row(name, f"{name}_800e.py", published=published, evaluation=maps | dict(bbox_mAP=boxes))


TABLE_12 = Table(
    "table12",
    "COCO (Mask R-CNN, 3x) and ADE20K (UperNet, after supervised fine-tuning on ImageNet-1K)",
    f"{PAPER}, Table 12",
    ("bbox_mAP", *MIOU),
    (
        dense("supervised-swin-b", 50.2, 50.4),
        dense("swin-b", 52.3, 52.8),
        dense("supervised-swin-l", 50.9, 50.0),
        dense("swin-l", 53.8, 53.5),
        dense("supervised-swinv2-h", 50.2, 49.8),
        dense("swinv2-h", 54.4, 54.2),
    ),
)

SWINV2_G = Table(
    "swinv2-g",
    "SwinV2-G: ImageNet-V2, COCO test-dev, ADE20K, Kinetics-400",
    f"{PAPER}, Sections 1 and 5",
    ("imagenet_v2", "bbox_mAP", "segm_mAP", "mIoU", "kinetics_400"),
    (
        Row(
            "swinv2-g",
            published={"imagenet_v2": 84.0, "bbox_mAP": 63.1, "segm_mAP": 54.4, "mIoU": 59.9, "kinetics_400": 86.8},
            number_only=PRIVATE,
        ),
    ),
)

# --- Table 13: bins ---
BINS: dict[int, tuple[float | None, ...]] = {
    6: (82.5, 82.7, 82.8, 82.9, 82.8, 82.4),
    48: (82.5, None, 82.7, None, 82.5, 82.3),
    192: (82.7, 82.9, 82.7, None, None, None),
}
COUNTS = (2, 4, 8, 16, 32, 256)
IMPOSSIBLE = {(32, 192): "100.8M", (256, 192): "806M"}


def bin_row(count: int, side: int, accuracy: float | None) -> Row:
    name = f"{count}-bin-{side}"
    if (count, side) in IMPOSSIBLE:
        return Row(name, number_only=TOO_LARGE.format(IMPOSSIBLE[count, side]))
    note = "" if accuracy is not None else "illegible in our copy"
    return ablation(name, accuracy, bins(count, side), note, coarse(side))


TABLE_13 = Table(
    "table13",
    "Number of colour bins and resolution",
    f"{PAPER}, Table 13",
    TOP1,
    tuple(
        bin_row(count, side, accuracy)
        for side, accuracies in BINS.items()
        for count, accuracy in zip(COUNTS, accuracies, strict=True)
    ),
)

APPENDIX_E = Table(
    "appendix-e",
    "ResNet-50x4, 300 epochs of pre-training",
    f"{PAPER}, Appendix E",
    TOP1,
    (
        Row("supervised", published={"finetune": 80.7}),
        Row(
            "simmim",
            config="resnet50x4_300e.py",
            published={"finetune": 81.6},
            evaluation=dict(finetune="downstream/ft_resnet50x4_100e_in1k.py"),
        ),
    ),
)

MMPRETRAIN = Table(
    "mmpretrain",
    "Top-1 of MMPretrain's own runs, which use drop path 0.1 in pre-training and another stage 4 in Swin-L",
    "open-mmlab/mmpretrain, configs/simmim",
    TOP1,
    (
        larger("swin-b-100e", 82.70, BASE, "swin-b_192_100e_in1k", "fine-tuned at 192"),
        larger("swin-b-800e", 83.80, "swin-b_800e.py", "swin-b_224_100e_in1k", "fine-tuned at 224"),
        larger("swin-l-800e", 84.80, "swin-l_800e.py", "swin-l_224_100e_in1k", "fine-tuned at 224"),
    ),
)

TABLES = [
    TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5, TABLE_6, TABLE_7, TABLE_8, TABLE_9, TABLE_10, TABLE_11, TABLE_12,
    SWINV2_G, TABLE_13, APPENDIX_E, MMPRETRAIN,
]  # fmt: skip
