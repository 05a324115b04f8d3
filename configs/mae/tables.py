"""Published ImageNet-1K results of MAE (He et al., CVPR 2022). None of the numbers was measured by us."""

from __future__ import annotations

from mmmim.reproduce.tables import Row, Table, warmup_cosine

METRICS = ("linear", "finetune")
EVALUATION = {
    "b": dict(linear="downstream/linear_vit-b_90e_in1k.py", finetune="downstream/ft_vit-b_100e_in1k.py"),
    "l": dict(finetune="downstream/ft_vit-l_50e_in1k.py"),
}


def row(arch: str, epochs: int, linear: float, finetune: float) -> Row:
    """The recipe's 40 warm-up epochs, whatever the length."""
    name, published = f"vit-{arch}-{epochs}e", {"linear": linear, "finetune": finetune}
    if arch not in EVALUATION:
        return Row(name, published=published, number_only=f"no config evaluates ViT-{arch.upper()}")
    return Row(
        name,
        config=f"vit-{arch}_800e.py",
        overrides={} if epochs == 800 else warmup_cosine(epochs, warmup=40),
        published=published,
        evaluation=EVALUATION[arch],
        number_only="" if arch == "b" else {"linear": f"no config probes ViT-{arch.upper()}"},
    )


OFFICIAL = Table(
    "official",
    "Top-1 of the released checkpoints; linear probe on the class token, fine-tuning 100 epochs (L, H: 50)",
    "facebookresearch/mae, FINETUNE.md",
    METRICS,
    (row("b", 1600, 67.8, 83.66), row("l", 1600, 76.0, 85.95), row("h", 1600, 77.2, 86.93)),
)

MMPRETRAIN = Table(
    "mmpretrain",
    "Top-1 over the number of pre-training epochs",
    "open-mmlab/mmpretrain, configs/mae",
    METRICS,
    (
        row("b", 300, 60.8, 83.1),
        row("b", 400, 62.5, 83.3),
        row("b", 800, 65.1, 83.3),
        row("b", 1600, 67.1, 83.5),
        row("l", 400, 70.7, 85.2),
        row("l", 800, 73.7, 85.4),
        row("l", 1600, 75.5, 85.7),
    ),
)

TABLES = [OFFICIAL, MMPRETRAIN]
