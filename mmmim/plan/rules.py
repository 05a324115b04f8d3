"""The rules by which ``tools/advise.py`` recommends a training; docs/your_data.md shows them as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FEWEST = 100  # images to pre-train on
IMAGES_AT_A_TIME = 128  # in a step of the full recipes: larger batches are accumulated


@dataclass(frozen=True)
class Arch:
    """A plain ViT: its name in the config if it has one there, its width, depth and heads."""

    embed_dims: int
    depth: int
    num_heads: int
    name: str | None = None

    def __str__(self) -> str:
        letter = "" if self.name is None else f"-{self.name[0].upper()}"
        return f"ViT{letter} {self.embed_dims} x {self.depth}"


@dataclass(frozen=True)
class SizeRule:
    """Says what to train on so many images.

    Args:
        below: The rule holds for fewer images than this; None for any number.
        typical: The number of images that it is made for.
        full: Whether to start from a method's full recipe rather than from its small one.
        crops: Pixels of a crop and of a patch, the largest first: the first one that the images fill is taken.
        batch: Images of an update; None for that of the method's recipe, as with ``epochs``.
        base_lr: For 256 images, of MAE and its relatives; None for that of the method's recipe.
        reasons: Why, for ``encoder``, ``patches``, ``length`` and ``lr``; each begins with ``measured``, ``published``
            or ``rule of thumb``, which say where a number comes from.
    """

    below: int | None
    typical: str
    full: bool
    arch: Arch
    crops: tuple[tuple[int, int], ...]
    batch: int | None
    epochs: int | None
    base_lr: float | None
    reasons: Mapping[str, str]


SIZES = (
    SizeRule(
        5_000, "1,000", False, Arch(128, 6, 4), ((64, 8), (32, 4)), batch=64, epochs=1600, base_lr=1e-3,
        reasons=dict(
            encoder="rule of thumb: a larger one learns so few pictures by heart; published weights are a better start "
            "where they fit the pictures",
            patches="rule of thumb: 64 patches cost a third of the papers' 196",
            length="rule of thumb: 1,000 images make 24,000 updates of it",
            lr="taken over from 20,000 images",
        ),
    ),
    SizeRule(
        60_000, "20,000", False, Arch(192, 6, 3), ((64, 8), (32, 4)), batch=256, epochs=400, base_lr=1e-3,
        reasons=dict(
            encoder="measured: MAE for 20 epochs of CIFAR-10 raised k-NN from 30.4 to 42.2 (one run)",
            patches="measured with 32 pixels and patches of 4",
            length="rule of thumb: 20,000 images make 31,000 updates of it, the measured run had 1,560",
            lr="measured: that of this one run",
        ),
    ),
    SizeRule(
        500_000, "200,000", True, Arch(384, 12, 6, "small"), ((112, 8), (64, 8), (32, 4)), batch=1024, epochs=400,
        base_lr=3e-4,
        reasons=dict(
            encoder="rule of thumb: a quarter of a ViT-B's parameters for a sixth of its images",
            patches="rule of thumb: the papers' 196 patches at half their resolution, where the images have it",
            length="rule of thumb: 200,000 images make 78,000 updates of it, the papers have 187,500 and more",
            lr="rule of thumb: between the measured 1e-3 and the published 1.5e-4",
        ),
    ),
    SizeRule(
        None, "1,000,000", True, Arch(768, 12, 12, "base"), ((224, 16), (112, 8), (64, 8), (32, 4)), batch=None,
        epochs=None, base_lr=None,
        reasons=dict(
            encoder="published: the ViT-B that all of the papers train on ImageNet-1K, 1.28 million images",
            patches="published for 224 pixels and patches of 16; smaller crops are a rule of thumb",
            length="published: the recipe of the method's paper",
            lr="published: the recipe of the method's paper",
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class MethodRule:
    """How a method is trained on data of one's own.

    Args:
        name: As in ``--method``.
        title: As in its paper.
        suits: What it is for, as a continuation of the title.
        cost: Computation of a step of the small recipe for 20,000 images, as a multiple of MAE's.
        small, full: Shipped configs of the small and of the full recipe.
        options, small_options, full_options: Changes to both of them or to one, beside size, patch and length.
            ``{patch}`` is the size of a patch and ``{two}`` of two, ``{tokens}`` that of an image with a token of 8
            pixels for each patch, and ``{hidden}`` the number of patches to hide, which are ``share`` of all.
        crop_keys: The size of the crop in the small and in the full recipe, below the transforms.
        wide: Whether the crop is ten sevenths of what the encoder sees.
        mae_lr: Whether the base lr of a SizeRule applies; otherwise the config's stays.
        colours_only: Whether it needs RGB.
    """

    name: str
    title: str
    suits: str
    cost: float
    small: str
    full: str
    options: tuple[str, ...] = ()
    small_options: tuple[str, ...] = ()
    full_options: tuple[str, ...] = ()
    share: float = 0.0
    crop_keys: tuple[str, str] = ("0.size", "0.size")
    wide: bool = False
    mae_lr: bool = False
    colours_only: bool = False


TRANSFORM = "train_dataloader.dataset.transforms"
TWO_SIZES = (f"{TRANSFORM}.0.type=TwoSizeRandomResizedCrop", f"{TRANSFORM}.0.token_size={{tokens}}")
METHODS = (
    MethodRule(
        "mae", "MAE", "encodes visible patches only, a quarter of all, and predicts pixels of any number of channels",
        1.0, "mae/vit-tiny_toy", "mae/vit-b_800e", mae_lr=True,
    ),
    MethodRule(
        "ccmim", "ccMIM", "is MAE with masks that follow the attention, and a contrast of the two sets of patches", 2.7,
        "ccmim/vit-tiny_toy", "ccmim/vit-b_300e", mae_lr=True,
    ),
    MethodRule(
        "simmim", "SimMIM", "encodes all patches; choose it for Swin encoders, whose configs lie beside these", 3.4,
        "simmim/vit-tiny_toy", "simmim/vit-b_800e",
        small_options=("model.masker.cell_size={patch}",), full_options=("model.masker.cell_size={two}",),
    ),
    MethodRule(
        "conmim", "ConMIM", "contrasts features in place of pixels and encodes every image twice; its view of other "
        "colours needs RGB", 5.2, "conmim/vit-tiny_toy", "conmim/vit-b_800e", ("model.masker.cell_size={two}",),
        colours_only=True,
    ),
    MethodRule(
        "beit", "BEiT", "predicts the codes of a tokenizer, which needs RGB: the built-in one in the small recipe, "
        "DALL-E's, to be fetched, in the full one", 3.6, "beit/vit-tiny_toy", "beit/vit-b_800e",
        ("model.masker.num_masked={hidden}",), TWO_SIZES, (f"{TRANSFORM}.2.token_size={{tokens}}",), share=75 / 196,
        crop_keys=("0.size", "2.size"), colours_only=True,
    ),
    MethodRule(
        "cim", "CIM", "finds patches that a small generator painted; a tokenizer as BEiT; also for ResNets, whose "
        "configs lie beside these", 6.0, "cim/vit-tiny_revdet_toy", "cim/vit-b_revdet_300e",
        ("model.masker.num_masked={hidden}", "model.generator.patch_size={patch}",
         "model.target_generator.token_size={patch}"), TWO_SIZES, (f"{TRANSFORM}.0.token_size={{tokens}}",),
        share=100 / 196, colours_only=True,
    ),
    MethodRule(
        "beyond_masking", "Beyond Masking", "recovers hidden patches and what lies around the picture", 1.0,
        "beyond_masking/vit-tiny_integrated_toy", "beyond_masking/vit-b_integrated_300e", wide=True,
    ),
)  # fmt: skip
RECOMMENDED = "mae"
