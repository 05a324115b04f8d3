from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, global_rand
from .base import ScoredMasker

PRESETS: dict[str, dict[str, Any]] = {
    "proportional": dict(score="logit", score_layers="last", noise="exp"),
    "official": dict(score="prob", score_layers="all", score_norm="softmax", noise="softmax_uniform"),
    "attention": dict(score="prob", score_layers="all", score_norm="sum", noise="exp"),
    "eq4_ratio": dict(score="logit", score_layers="last", noise="softmax_uniform"),
}


@MODELS.register_module()
class ImportanceMasker(ScoredMasker):
    """Importance sampling of ccMIM (`ICLR 2023`, Eq. 4-6): hide the K patches with the largest ``l_i - log r_i``.

    ``l`` is a log-score of the class token's attention to patch i, ``r`` random weights. The paper fixes neither the
    block, nor the scale, nor the noise; a preset names a set of choices and every explicit argument overrides it.

    Args:
        preset: ``proportional`` (sampling without replacement, exactly proportional to Eq. 4's softmax), ``official``
            (the released code), ``attention`` (proportional to attention mass) or ``eq4_ratio``.
        score: ``logit``, the head-mean of q_cls·k_i / scale (Eq. 4), or ``prob``, the head-mean attention probability.
        score_layers: ``first``, ``last``, ``all`` or 0-based block ids; logits are averaged, probabilities summed.
        score_norm: Score of summed probabilities a: ``softmax`` (l = a, a second softmax) or ``sum`` (l = log a).
        score_scale: sqrt of ``head_dim`` (as the network itself) or of ``embed_dim`` (as Eq. 4 is printed).
        noise: r = ``exp`` E ~ Exp(1), ``softmax_uniform`` exp(u), ``uniform`` u, or ``none`` (top-K, the "importance"
            row of Table 5).
    """

    def __init__(
        self,
        mask_ratio: float = 0.75,
        preset: str = "proportional",
        score: str | None = None,
        score_layers: str | int | list[int] | tuple[int, ...] | None = None,
        score_norm: str | None = None,
        score_scale: str = "head_dim",
        noise: str | None = None,
    ) -> None:
        super().__init__(mask_ratio)
        one_of("preset", preset, PRESETS)
        given = dict(score=score, score_layers=score_layers, score_norm=score_norm, noise=noise)
        chosen = {
            "score_norm": "softmax",
            **PRESETS[preset],
            **{k: v for k, v in given.items() if v is not None},
        }
        self.score: str = one_of("score", chosen["score"], ("logit", "prob"))
        self.score_norm: str = one_of("score_norm", chosen["score_norm"], ("softmax", "sum"))
        self.score_scale: str = one_of("score_scale", score_scale, ("head_dim", "embed_dim"))
        self.noise: str = one_of("noise", chosen["noise"], ("exp", "softmax_uniform", "uniform", "none"))
        self.score_layers = chosen["score_layers"]
        if isinstance(self.score_layers, str) and self.score_layers not in ("first", "last", "all"):
            raise UsageError(f"score_layers={self.score_layers!r} is unknown; choose first, last, all or block ids")

    def layers(self, depth: int) -> tuple[int, ...]:
        """Return the 0-based blocks whose class-token attention is scored."""
        named = {"first": (0,), "last": (depth - 1,), "all": tuple(range(depth))}
        if isinstance(self.score_layers, str):
            return named[self.score_layers]
        ids = [self.score_layers] if isinstance(self.score_layers, int) else list(self.score_layers)
        if not ids or any(not -depth <= i < depth for i in ids):
            raise UsageError(f"score_layers={self.score_layers} out of range for an encoder of depth {depth}")
        return tuple(sorted({i % depth for i in ids}))

    def log_score(self, rows: list[Tensor]) -> Tensor:
        """Return log-scores ``(B, N)`` fp32 from each block's class-token logits ``(B, H, 1+N)``.

        Column 0 is the class key.
        """
        if self.score == "logit":
            scale = rows[0].shape[1] ** -0.5 if self.score_scale == "embed_dim" else 1.0  # sqrt(d_h)/sqrt(D)
            return torch.stack([row[:, :, 1:].mean(1) for row in rows]).mean(0) * scale
        mass = torch.stack([row.softmax(-1).mean(1)[:, 1:] for row in rows]).sum(0)
        return mass if self.score_norm == "softmax" else mass.log()

    def keys(self, scores: Tensor, noise: Tensor) -> Tensor:
        """Return the sorting keys ``l_i - log r_i`` from log-scores and uniform noise in [0, 1), both ``(B, N)``."""
        if self.noise == "exp":
            return scores - (-noise.log()).log()
        if self.noise == "softmax_uniform":
            return scores - noise
        return scores - noise.log()

    def __call__(
        self,
        grid: Grid,
        batch_size: int,
        *,
        images: Tensor | None = None,
        scores: Tensor | None = None,
        generator: Generator | None = None,
        device: torch.device | str | None = None,  # not used: the mask is on the scores' device
    ) -> PatchMask:
        if scores is None:
            raise UsageError("ImportanceMasker needs scores (B, N); use it in CCMIM, or RandomMasker elsewhere")
        if scores.shape != (batch_size, grid[0] * grid[1]):
            raise ValueError(f"scores of shape {tuple(scores.shape)} do not fit batch {batch_size} and grid {grid}")
        if scores.device.type == "cpu" and scores.isnan().any():
            raise ValueError("scores contain NaN; sorting them would hide those patches")
        if self.noise != "none":
            scores = self.keys(scores, global_rand(*scores.shape, generator, scores.device).to(scores.dtype))
        return PatchMask.from_keys(scores, self.num_hidden(grid), grid)
