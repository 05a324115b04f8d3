"""All methods on CIFAR-10 as files, 2,000 training and 200 validation images of each class, and how recipes were found.

    python tools/reproduce.py cifar10 methods -- --data DIR
    python tools/reproduce.py cifar10 search-mae -- --data DIR/train --epochs 3

A search sees the training images alone: of DIR/train a tenth of each class is held out, and measures. Nothing is
published for these rows.
"""

from __future__ import annotations

from typing import Any

from mmmim.reproduce.tables import Count, Evaluation, Row, Table

SOURCE = "configs/*/*-mini_*cifar10.py; nothing is published at this scale"
TOKENIZER = "../tokenizer/dvae-mini_cifar10.py"
METHODS = {
    "ccmim": "ccmim/vit-mini_cifar10",
    "mae": "mae/vit-mini_cifar10",
    "simmim-vit": "simmim/vit-mini_cifar10",
    "simmim-swin": "simmim/swin-mini_cifar10",
    "beit": "beit/vit-mini_cifar10",
    "beyond-masking-integrated": "beyond_masking/vit-mini_integrated_cifar10",
    "beyond-masking-zoomed-in": "beyond_masking/vit-mini_zoomed-in_cifar10",
    "conmim": "conmim/vit-mini_cifar10",
    "cim-respix-vit": "cim/vit-mini_respix_cifar10",
    "cim-revdet-vit": "cim/vit-mini_revdet_cifar10",
    "cim-respix-resnet": "cim/resnet-mini_respix_cifar10",
    "cim-revdet-resnet": "cim/resnet-mini_revdet_cifar10",
}
# One method of a family stands for its encoder: BEiT and ConMIM have SimMIM's ViT.
ENCODERS = {
    "vit": "mae/vit-mini_cifar10",
    "beit-vit": "simmim/vit-mini_cifar10",
    "cim-vit": "cim/vit-mini_revdet_cifar10",
    "swin": "simmim/swin-mini_cifar10",
    "resnet": "cim/resnet-mini_revdet_cifar10",
}


def downstream(config: str, task: str) -> str:
    """Return the config of an evaluation, as the tables write it."""
    method, name = config.split("/")
    return f"../{method}/downstream/{task}_{name.split('_')[0]}_cifar10.py"


def row(name: str, config: str, overrides: dict[str, Any] | None = None, **kwargs: Any) -> Row:
    """Return a row of a pre-training; BEiT and CIM train their tokenizer first."""
    part = {"beit": "target_generator", "cim": "generator"}.get(config.split("/")[0])
    before = None if part is None else (f"model.{part}.tokenizer.checkpoint", TOKENIZER)
    return Row(name, f"../{config}.py", overrides or {}, before=before, **kwargs)


def evaluations(config: str, few: str = "lowshot10", all_labels: str = "ft") -> dict[str, Any]:
    """Return the evaluations of an encoder."""
    return dict(
        knn="knn",
        linear="probe",
        attentive=downstream(config, "attentive"),
        finetune200=downstream(config, few),
        finetune=downstream(config, all_labels),
    )


SPEED: dict[str, Any] = {"images/s": None, "minutes": None, "gflop": Count("gflop")}
TABLE = Table(
    "methods",
    "Top-1 of ten classes: k-NN (k = 20), linear and attentive probe (2,000 labels a class), fine-tuning with 200 and "
    "with 2,000 labels a class; images per second, minutes and GFLOP per image of the pre-training",
    SOURCE,
    ("knn", "linear", "attentive", "finetune200", "finetune", *SPEED),
    (
        *(
            Row(f"none-{name}", f"../{c}.py", evaluation=evaluations(c, "scratch10", "scratch"), untrained=True)
            for name, c in ENCODERS.items()
        ),
        *(
            Row(f"supervised-{name}", downstream(c, "scratch"), {"model.backbone.init_cfg": None},
                evaluation=evaluations(c) | dict(finetune=None) | SPEED)
            for name, c in ENCODERS.items()
        ),
        *(row(name, c, evaluation=evaluations(c) | SPEED) for name, c in METHODS.items()),
    ),
)  # fmt: skip

# A quarter of the labels that are not held out: a linear probe of 4,500 images takes seconds.
FEW_LABELS = {"train_dataloader.dataset.keep": 0.25}
SEARCHED: dict[str, Any] = dict(
    knn=Evaluation("knn", overrides=FEW_LABELS),
    linear=Evaluation("probe", overrides=FEW_LABELS),
    **{"images/s": None, "minutes": None},
)


def batch(size: int) -> dict[str, Any]:
    """Return another batch, at the same lr for 256 images."""
    return {"train_dataloader.batch_size": size, "auto_scale_lr.recipe_batch_size": size}


def lr(value: float) -> dict[str, Any]:
    """Return another base lr."""
    return {"optim_wrapper.optimizer.lr": value}


def crops(least: float, size: int = 32) -> dict[str, Any]:
    """Return crops of at least this share of the image, of this many pixels."""
    crop = "train_dataloader.dataset.transforms.0"
    return {f"{crop}.scale": [least, 1.0], f"{crop}.size": size}


# How the patches start beside the positions.
STARTS: dict[str, dict[str, Any]] = {
    "init-simmim": {"model.backbone.init": "simmim"},
    "init-simmim-learned-positions": {"model.backbone.init": "simmim", "model.backbone.pos_embed": "learned"},
    "no-layer-scale": {"model.backbone.layer_scale": None},
}


def search(name: str, config: str, variants: dict[str, dict[str, Any]], untrained: bool = True) -> Table:
    """Return the table of a search: the untrained encoder, the recipe as it is, and one change each."""
    measured = {key: SEARCHED[key] for key in ("knn", "linear")}
    first = (Row("none", f"../{config}.py", evaluation=measured, untrained=True),) if untrained else ()
    return Table(
        f"search-{name}",
        f"Search of the recipe {config}: top-1 of training images held out, k-NN (k = 20) and a linear probe of 4,500",
        SOURCE,
        ("knn", "linear", "images/s", "minutes"),
        (*first, *(row(n, config, o, evaluation=SEARCHED) for n, o in (dict(recipe={}) | variants).items())),
    )


SEARCHES = [
    search(
        "mae",
        METHODS["mae"],
        {
            "batch-64": batch(64),
            "batch-128": batch(128),
            "lr-5e-4": lr(5e-4),
            "lr-2e-3": lr(2e-3),
            "mask-0.6": {"model.masker.mask_ratio": 0.6},
            "mask-0.5": {"model.masker.mask_ratio": 0.5},
            "cell-8": {"model.masker.cell_size": 8},
            "raw-pixels": {"model.target_generator.norm_pix": "none"},
            "decoder-1": {"model.neck.depth": 1},
            "decoder-4": {"model.neck.depth": 4},
            "decoder-192": {"model.neck.dims": 192},
            "crop-0.08": crops(0.08),
            "crop-0.5": crops(0.5),
        },
    ),
    search(
        "simmim-vit",
        METHODS["simmim-vit"],
        {
            "batch-64": batch(64),
            "lr-1e-3": lr(1e-3),
            "lr-4e-3": lr(4e-3),
            "patch-targets": {"model.target_generator.norm_pix": "patch"},
            "mask-0.75": {"model.masker.mask_ratio": 0.75},
            "cell-4": {"model.masker.cell_size": 4},
            "cell-16": {"model.masker.cell_size": 16},
            **STARTS,
        },
    ),
    search(
        "simmim-swin",
        METHODS["simmim-swin"],
        {
            "batch-64": batch(64),
            "lr-4e-3": lr(4e-3),
            "patch-targets": {"model.target_generator.norm_pix": "patch"},
            "cell-16": {"model.masker.cell_size": 16},
        },
    ),
    search(
        "beit",
        METHODS["beit"],
        {
            "batch-64": batch(64),
            "lr-2e-3": lr(2e-3),
            "lr-4e-3": lr(4e-3),
            "hidden-32": {"model.masker.num_masked": 32},
            "hidden-40": {"model.masker.num_masked": 40},
            **STARTS,
        },
        untrained=False,
    ),
    search(
        "conmim",
        METHODS["conmim"],
        {
            "batch-64": batch(64),
            "lr-5e-4": lr(5e-4),
            "lr-2e-3": lr(2e-3),
            "momentum-0.96": {"model.target_generator.start": 0.96},
            "momentum-0.996": {"model.target_generator.start": 0.996},
            "temperature-0.05": {"model.head.temperature": 0.05},
            "temperature-0.2": {"model.head.temperature": 0.2},
            "cell-4": {"model.masker.cell_size": 4},
            "trained-encoder": {"model.export_weights": "online"},
            "fixed-positions": {"model.backbone.pos_embed": "sincos"},
            "relative-positions": {"model.backbone.pos_embed": "none"},
            "init-simmim": STARTS["init-simmim"],
            "no-layer-scale": STARTS["no-layer-scale"],
        },
        untrained=False,
    ),
    search(
        "ccmim",
        METHODS["ccmim"],
        {
            "batch-64": batch(64),
            "contrast-0": {"model.contrast_weight": 0.0},
            "contrast-0.5": {"model.contrast_weight": 0.5},
            "random": {"model.masker": dict(_delete_=True, type="RandomMasker", mask_ratio=0.75)},
            "mask-0.5": {"model.masker.mask_ratio": 0.5},
        },
        untrained=False,
    ),
    search(
        "beyond-masking-integrated",
        METHODS["beyond-masking-integrated"],
        {
            "batch-64": batch(64),
            "crop-40": crops(0.5, 40),
            "crop-48-small": crops(0.2, 48),
            "mask-0.5": {"model.masker.mask_ratio": 0.5},
        },
        untrained=False,
    ),
    search(
        "beyond-masking-tasks",
        METHODS["beyond-masking-zoomed-in"],
        {
            "zoomed-in-24": {"model.degradation.size": 24},
            "zoomed-out-24": {"model.degradation": dict(_delete_=True, type="ZoomOut", size=24)},
            "distorted": {"model.degradation": dict(_delete_=True, type="Fisheye")},
            "blurred": {"model.degradation": dict(_delete_=True, type="RandomKernelBlur", kernel_size=5)},
            "decolorized": {"model.degradation": dict(_delete_=True, type="SaturationScale", scale=0.3)},
        },
        untrained=False,
    ),
    search(
        "cim-vit",
        METHODS["cim-respix-vit"],
        {
            "batch-64": batch(64),
            "lr-2e-3": lr(2e-3),
            "hidden-24": {"model.masker.num_masked": 24},
            "hidden-40": {"model.masker.num_masked": 40},
            "share-0": {"model.generator.share_layers": 0},
            "uniform": {"model.generator.sample_mode": "uniform"},
            "init-timm": {"model.backbone.init": "timm"},
        },
    ),
    search("cim-revdet-vit", METHODS["cim-revdet-vit"], {"batch-64": batch(64)}, untrained=False),
    search(
        "cim-resnet",
        METHODS["cim-respix-resnet"],
        {
            "batch-64": batch(64),
            "lr-1e-3": lr(1e-3),
            "lr-1.6e-2": lr(1.6e-2),
            "hidden-40": {"model.masker.num_masked": 40},
        },
    ),
    search("cim-revdet-resnet", METHODS["cim-revdet-resnet"], {"batch-64": batch(64)}, untrained=False),
]

# Training from random weights is searched as fine-tuning is. Both take their own lengths: leave out --epochs.
RATES = (5e-4, 1e-3, 2e-3, 4e-3)
SCRATCH = Table(
    "search-scratch",
    "Search of the lr of training from random weights: top-1 of training images held out, with 180 labels a class",
    SOURCE,
    ("finetune200",),
    tuple(
        Row(
            f"{name}-lr-{rate:g}",
            f"../{config}.py",
            evaluation=dict(finetune200=Evaluation(downstream(config, "scratch10"), overrides=lr(rate))),
            untrained=True,
        )
        for name, config in ENCODERS.items()
        for rate in RATES
    ),
)
FINETUNING = Table(
    "search-finetuning",
    "Search of the fine-tuning of MAE: top-1 of training images held out, with 180 labels a class",
    SOURCE,
    ("finetune200",),
    tuple(
        row(
            f"lr-{rate:g}-decay-{decay}",
            METHODS["mae"],
            evaluation=dict(
                finetune200=Evaluation(
                    downstream(METHODS["mae"], "lowshot10"),
                    overrides=lr(rate) | {"optim_wrapper.paramwise_cfg.layer_decay_rate": decay},
                )
            ),
        )
        for rate in RATES
        for decay in (0.65, 0.75, 0.85)
    ),
)

TABLES = [TABLE, *SEARCHES, SCRATCH, FINETUNING]
