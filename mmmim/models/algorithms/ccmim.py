from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mmmim.errors import UsageError, check_agreement
from mmmim.registry import MODELS, build_part

from ..layers import PatchMask, take, uncached_autocast
from ..maskers import BaseMasker, ScoredMasker
from ..necks.base import Projector
from .masked_image_model import MaskedImageModel


@MODELS.register_module()
class CCMIM(MaskedImageModel):
    """Contextual, contrastive masked image modelling: ccMIM (`ICLR 2023 <https://openreview.net/forum?id=A3sgyt4HWp>`_).

    The encoder's own class-token attention decides which patches are hidden (Eq. 4-6). Visible and hidden patches go
    through the same encoder, and the visible class token is contrasted with the hidden one (Eq. 7 or 8):
    ``loss = L_rec + lambda * L_con`` (Eq. 10). With ``RandomMasker`` and ``contrast_weight=0`` it is MAE.

    Args:
        projector: g, shared by both branches; as wide as the encoder.
        contrast: L_con, ``InfoNCE`` (Eq. 7) or ``Align`` (Eq. 8), whose widths follow projector and encoder.
        contrast_weight: lambda; 0 skips the hidden branch and builds neither projector nor contrast.
        stop_grad: Treat the hidden branch as a constant teacher, run without gradients.
    """

    makes_scores = True
    masker: BaseMasker

    def __init__(
        self,
        *args: Any,
        projector: dict | None = None,
        contrast: dict | None = None,
        contrast_weight: float = 0.2,
        stop_grad: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if contrast_weight < 0:
            raise UsageError(f"contrast_weight={contrast_weight} must not be negative")
        if self.masker is None:
            raise UsageError("masker=None: CCMIM divides the patches into two sets; give an ImportanceMasker")
        if not self.backbone.num_prefix and (contrast_weight > 0 or self.masker.needs_scores):
            reader = "contrast_weight" if contrast_weight > 0 else f"masker {type(self.masker).__name__}"
            raise UsageError(
                f"backbone.with_cls_token=False: {reader} reads the class token, which this encoder does not have; set "
                "backbone.with_cls_token=True, or contrast_weight=0 with a RandomMasker or BlockMasker, which is MAE"
            )
        if self.masker.needs_scores:
            ScoredMasker.fits("masker", self.masker)
        self.contrast_weight = contrast_weight
        self.stop_grad = stop_grad
        if contrast_weight > 0:
            self._build_contrast(projector or {}, contrast or dict(type="mmmim.InfoNCE"))

    def _check_encoder(self) -> None:
        super()._check_encoder()
        if self.backbone.mask_mode != "drop":
            raise UsageError(
                f"CCMIM encodes visible patches only, but mask_mode={self.backbone.mask_mode!r} of "
                f"{type(self.backbone).__name__} encodes all; use mask_mode='drop' of a ViT, or "
                "model.type='MaskedImageModel'"
            )

    def _build_contrast(self, projector: dict, contrast: dict) -> None:
        width = self.backbone.embed_dims
        check_agreement("projector", projector, "the backbone's outputs", in_dims=width)
        self.projector = Projector.build("projector", {"type": "mmmim.ContrastProjector", **projector}, in_dims=width)
        check_agreement("contrast", contrast, "the projector's outputs", dims=self.projector.out_dims)
        self.contrast: nn.Module = build_part(contrast, dims=self.projector.out_dims, hidden=width)

    def loss(self, images: Tensor, **views: Tensor) -> dict[str, Tensor]:
        if self.contrast_weight == 0 and not self.masker.needs_scores:
            return super().loss(images, **views)
        corrupted = self.degrade(images, self.draw_degradation(images))
        tokens = self.backbone.embed(corrupted)  # (B,N,D)
        mask, statistics = self.divide(corrupted, tokens)  # (B,h,w)
        latent = self.backbone.encode(take(tokens, mask.visible))[-1]  # (B,1+Nv,D)
        losses = self.reconstruction_loss(images, latent, mask, **views)  # Eq. 9
        if self.contrast_weight > 0:
            visible = self.projector(latent[:, 0])  # (B,256)
            masked = self.masked_projection(tokens, mask)  # (B,256)
            contrast = self.contrast(visible, masked)  # Eq. 7 or 8
            losses["loss_contrast"] = self.contrast_weight * contrast  # Eq. 10
            statistics["contrast"] = contrast.detach()
        return {**losses, **statistics}

    def masked_projection(self, tokens: Tensor, mask: PatchMask) -> Tensor:
        """Return the projected class token of the hidden set, ``(B, 256)``.

        It is a teacher without gradients unless ``stop_grad=False``.
        """
        with torch.no_grad() if self.stop_grad else nullcontext(), uncached_autocast(tokens.device.type):
            return self.projector(self.backbone.encode_cls(take(tokens, mask.hidden)))

    @torch.no_grad()
    def score_patches(self, tokens: Tensor) -> Tensor:
        """Return log-scores ``(B, N)`` fp32 of all patches, from the full image and the online weights (Eq. 4)."""
        with uncached_autocast(tokens.device.type):
            masker = ScoredMasker.fits("masker", self.masker)
            return masker.log_score(self.backbone.cls_logits(tokens.detach(), masker.layers(self.backbone.depth)))

    def divide(self, images: Tensor, tokens: Tensor) -> tuple[PatchMask, dict[str, Tensor]]:
        """Return the division of the patches, and statistics of it to log."""
        if not self.masker.needs_scores:
            return self.draw_mask(images), {}
        scores = self.score_patches(tokens)
        mask = self.draw_mask(images, scores=scores)
        return mask, self.division_statistics(scores, mask)

    @staticmethod
    def division_statistics(scores: Tensor, mask: PatchMask) -> dict[str, Tensor]:
        """Return statistics of a division.

        ``mask_overlap`` is the share of the K best-scored patches that are hidden (K/N if random); ``score_entropy`` is
        that of softmax(l) relative to uniform (1 = flat).
        """
        best = PatchMask.from_keys(scores, mask.num_hidden, mask.grid)
        overlap = (best.mask & mask.mask).sum((1, 2)) / mask.num_hidden
        log_p = scores.log_softmax(1)
        entropy = -(log_p.exp() * log_p).sum(1) / math.log(scores.shape[1])
        return dict(mask_overlap=overlap.mean(), score_entropy=entropy.mean())

    def draw_picture_mask(self, images: Tensor) -> PatchMask | None:
        return self.divide(images, self.backbone.embed(images))[0]
