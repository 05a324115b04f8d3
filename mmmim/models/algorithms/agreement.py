"""Checks that the parts of a model fit each other; an error names both of them and what to set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmmim.errors import UsageError

from ..heads.base import ContrastHead, Head
from ..layers import Grid
from ..maskers import BaseMasker, RatioMasker
from ..necks.base import Neck
from ..target_generators.base import EncoderTarget, TargetGenerator
from ..target_generators.integrated_zoom import ZoomTargets

# Kinds of values that target generators give, and the head and the algorithm that each of them needs.
NUMBERS, CLASSES, BINARY, FEATURES, ZOOM = "numbers", "classes", "0 or 1", "features", ZoomTargets.__name__
HEADS = {
    NUMBERS: "a ReconstructionHead",
    CLASSES: "a CrossEntropyHead",
    BINARY: "a BinaryCrossEntropyHead",
    FEATURES: "a PatchContrastHead",
    ZOOM: "an IntegratedZoomHead",
}
ALGORITHMS = dict.fromkeys((NUMBERS, CLASSES, ZOOM), "MaskedImageModel") | {BINARY: "CIM", FEATURES: "ConMIM"}


def name(part: object) -> str:
    """Return the name of a part's class."""
    return type(part).__name__


def kind_of_target(target: TargetGenerator) -> str:
    """Return the kind of values that a target generator gives."""
    if target.value_type is not Tensor:
        return target.value_type.__name__
    if target.reads_replaced:
        return BINARY
    if isinstance(target, EncoderTarget):
        return FEATURES
    return NUMBERS if target.num_classes is None else CLASSES


def kind_of_head(head: Head) -> str:
    """Return the kind of values that a head compares."""
    if head.value_type is not Tensor:
        return head.value_type.__name__
    if isinstance(head, ContrastHead):
        return FEATURES
    if head.predicts_binary:
        return BINARY
    return CLASSES if head.predicts_classes else NUMBERS


def check_target(target: TargetGenerator, model: nn.Module, predicts: Sequence[str]) -> None:
    """Raise ``UsageError`` if a target generator gives values that ``model`` does not predict."""
    kind = kind_of_target(target)
    if kind in ALGORITHMS and kind not in predicts:
        raise UsageError(
            f"target_generator {name(target)} gives {kind}, but {name(model)} predicts {' or '.join(predicts)}; use "
            f"model.type='{ALGORITHMS[kind]}', or another target_generator"
        )


def check_head(head: Head, target: TargetGenerator) -> None:
    """Raise ``UsageError`` if a head compares other values than the target generator gives."""
    kind = kind_of_target(target)
    if kind_of_head(head) != kind:
        fitting = HEADS.get(kind, f"a head with value_type={kind}")
        raise UsageError(
            f"head {name(head)} does not fit target_generator {name(target)}, whose values are {kind}; use {fitting}"
        )


def check_neck(neck: Neck, backbone: Any, head: Head, hides: bool) -> None:
    """Raise ``UsageError`` if a neck decodes other tokens than are encoded, or pools where patches are scored."""
    drops = backbone.mask_mode == "drop"
    given = "visible" if drops else "all"
    if hides and neck.input_tokens not in (None, given):
        fix = "replace" if drops else "drop"
        other = "MAEDecoder" if drops else "LinearDecoder"
        raise UsageError(
            f"{name(neck)} decodes {neck.input_tokens} tokens, but mask_mode={backbone.mask_mode!r} of "
            f"{name(backbone)} encodes {given}; use mask_mode={fix!r}, if the encoder has it, or another neck, such as "
            f"{other}"
        )
    if neck.pool and not isinstance(head, ContrastHead):
        raise UsageError(f"neck.pool=True of {name(neck)}: head {name(head)} scores patches; set neck.pool=False")


def check_scores(masker: BaseMasker, model: nn.Module, makes_scores: bool) -> None:
    """Raise ``UsageError`` if a masker needs scores of patches and the algorithm computes none."""
    if masker.needs_scores and not makes_scores:
        raise UsageError(
            f"masker {name(masker)} needs patch scores, which {name(model)} does not make; "
            "use model.type='CCMIM', or a RandomMasker or BlockMasker"
        )


def check_masker(masker: BaseMasker, backbone: Any) -> None:
    """Raise ``UsageError`` if a masker hides what the encoder cannot do without."""
    if backbone.mask_mode is None:
        raise UsageError(
            f"mask_mode=None of {name(backbone)} hides nothing, but there is a masker, {name(masker)}; set "
            "backbone.mask_mode='replace', or masker=None"
        )
    h, w = grid = backbone.grid_size
    hidden = masker.num_hidden(grid)
    if backbone.mask_mode == "drop" and hidden >= h * w:
        ratio = f"(mask_ratio={masker.mask_ratio})" if isinstance(masker, RatioMasker) else ""
        raise UsageError(
            f"{name(masker)}{ratio} hides {hidden} of {h * w} patches on the grid {grid}; at least one must be visible "
            f"where only the visible ones are encoded, as mask_mode='drop' of {name(backbone)} does; hide fewer"
        )


def check_scored(masker: BaseMasker, block: Grid, target: TargetGenerator, head: Head, backbone: Any) -> None:
    """Raise ``UsageError`` if masks hide parts of the encoder's outputs and these parts cannot be scored.

    ``block`` gives the rows and columns of tokens, which masks hide, in an output.
    """
    whole = masker.cell[0] % block[0] == 0 and masker.cell[1] % block[1] == 0
    if whole or head.scope == "all" or (head.scope == "hidden" and target.weighs_values):
        return
    cell = block[0] * backbone.patch_size[0], block[1] * backbone.patch_size[1]
    other = ", or use a target_generator that weighs single values, such as PixelTarget" * (head.scope == "hidden")
    raise UsageError(
        f"masker {name(masker)} hides cells of {masker.cell[0]}x{masker.cell[1]} tokens, but {name(head)} scores whole "
        f"outputs of {name(target)}, and one of {name(backbone)} stands for {block[0]}x{block[1]}; set "
        f"masker.cell_size={cell}{other}"
    )
