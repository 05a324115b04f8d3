from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmmim.engine.errors import UsageError, did_you_mean

from .grid import Column
from .pixels import grey_out, to_rgb

STRATEGIES: dict[str, dict[str, Any]] = {
    "importance_sampling": dict(type="mmmim.ImportanceMasker"),
    "importance": dict(type="mmmim.ImportanceMasker", noise="none"),
    "random": dict(type="mmmim.RandomMasker"),
    "block": dict(type="mmmim.BlockMasker"),
}


def masker_config(masker: Mapping[str, Any] | None, strategy: str | None, ratio: float | None) -> dict[str, Any] | None:
    """The config's masker with another strategy or mask ratio; arguments are kept where the type stays the same."""
    settings = None if masker is None else dict(masker)
    if strategy is not None:
        if strategy not in STRATEGIES:
            raise UsageError(
                f"--strategy {strategy}: choose of {', '.join(STRATEGIES)}{did_you_mean(strategy, STRATEGIES)}"
            )
        chosen = STRATEGIES[strategy]
        same = settings is not None and str(settings["type"]).rpartition(".")[2] == chosen["type"].rpartition(".")[2]
        kept = settings or {}
        settings = {**(kept if same else {k: v for k, v in kept.items() if k == "mask_ratio"}), **chosen}
    if settings is not None and ratio is not None:
        settings["mask_ratio"] = ratio
    return settings


@torch.no_grad()
def patch_scores(model: Any, images: Tensor) -> Tensor | None:
    """Log-scores ``(B, N)`` where the model's masker wants them."""
    if not getattr(model.masker, "needs_scores", False):
        return None
    return model.score_patches(model.backbone.embed(images))


@torch.no_grad()
def draw_masks(model: Any, images: Tensor, draws: int, seed: int = 0) -> Tensor:
    """``(draws, B, h, w)`` bool, True = hidden: the masks of iterations 0, 1, ... under ``seed``."""
    scores = patch_scores(model, images)
    masks = []
    for iteration in range(draws):
        model.set_step(seed, iteration)
        drawn = model.draw_picture_mask(images) if scores is None else model.draw_mask(images, scores=scores)
        if drawn is None:
            raise UsageError("config: the model has no masker, so it hides nothing; give one or use reconstruction")
        masks.append(drawn.mask)
    return torch.stack(masks)


def set_columns(original: Tensor, mask: Tensor, name: str) -> list[Column]:
    """The masked and the visible set of ``original (B, C, H, W)`` in [0, 1]; the other patches are grey."""
    return [
        Column(f"{name}\nmasked set", to_rgb(grey_out(original, ~mask))),
        Column(f"{name}\nvisible set", to_rgb(grey_out(original, mask))),
    ]


def probability_column(masks: Tensor, name: str) -> Column:
    """How often each patch was hidden in ``masks (draws, B, h, w)``."""
    share = masks.float().mean(0).cpu().numpy()  # (B,h,w)
    return Column(f"{name}\nP(masked), {len(masks)} draws", list(share), limits=(0.0, 1.0))


def score_column(scores: Tensor, grid: tuple[int, int], name: str) -> Column:
    """Log-scores ``(B, N)``; each image over its own range, bright = important."""
    maps: list[np.ndarray] = list(scores.unflatten(1, grid).float().cpu().numpy())
    return Column(f"{name}\nscore", maps)
