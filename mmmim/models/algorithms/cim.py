from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError, check_agreement
from mmmim.registry import MODELS

from ..data_preprocessors import statistics_of
from ..generators import Corrupted, Generator
from ..layers import Grid, PatchMask, at_least_fp32, grid_of
from ..maskers import BaseMasker
from ..target_generators import DenseTarget, ReplacedTokenTarget
from .agreement import BINARY, CLASSES, NUMBERS, check_head, check_neck, check_scores, name
from .masked_image_model import MaskedImageModel


@MODELS.register_module()
class CIM(MaskedImageModel):
    """Corrupted image modelling (`Fang et al., ICLR 2023 <https://arxiv.org/abs/2202.03382>`_).

    A generator hides patches and paints plausible others; the enhancer, a ViT or a CNN and the network that is kept as
    ``backbone``, sees only the corrupted picture. It recovers the pixels (ResPix: ``PixelTarget``) or says which tokens
    were replaced (RevDet: ``ReplacedTokenTarget``). ``L = w_generator L_generator + w_enhancer L_enhancer``; the
    enhancer's loss trains the generator only in layers that both share.

    Args:
        generator: ``TokenGenerator``, ``PixelGenerator`` or ``ErasingGenerator``.
        masker: Chooses the patches that the generator replaces; None for one that erases pixels of its own choice.
        loss_weights: Factors of the losses of ``generator`` and ``enhancer``; the paper takes 10 for ResPix and 1 for
            RevDet.
    """

    predicts = (NUMBERS, CLASSES, BINARY)

    def __init__(
        self,
        *args: Any,
        generator: dict,
        masker: dict | None = None,
        loss_weights: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.degradation is not None:
            raise UsageError("CIM's generator corrupts the images; leave degradation out")
        self.generator = Generator.build(
            "generator",
            generator,
            **(dict(patch_size=(16, 16)) | self.backbone.lends()),
            input_size=self.backbone.img_size,
            in_channels=self.backbone.in_channels,
            **statistics_of(self.data_preprocessor),
        )
        self.masker = None if masker is None else self._build_masker(masker)
        self.loss_weights = dict(generator=1.0, enhancer=1.0) | (loss_weights or {})
        if unknown := set(self.loss_weights) - {"generator", "enhancer"}:
            raise UsageError(f"loss_weights: {sorted(unknown)} unknown; there are 'generator' and 'enhancer'")
        self._check_generator()

    def _check_generator(self) -> None:
        if self.generator.erases:
            self._check_erasing()
        else:
            self._check_grid()
        if self.head.scope != "all":
            raise UsageError(
                f"CIM scores all places of the image, but scope={self.head.scope!r} of {name(self.head)} does not; set "
                "head.scope='all'"
            )
        check_head(self.head, self.target_generator)
        check_neck(self.neck, self.backbone, self.head, hides=False)
        if self.detects_replaced:
            self._check_tokens()
        if self.share_layers:
            self._check_sharing()

    def _check_erasing(self) -> None:
        generator, target = name(self.generator), self.target_generator
        if self.masker is not None:
            raise UsageError(f"masker {name(self.masker)}: {generator} chooses what it erases itself; set masker=None")
        if not isinstance(target, DenseTarget):
            raise UsageError(f"{generator} erases pixels, which {name(target)} does not predict; use a PixelTarget")

    def _check_grid(self) -> None:
        if self.masker is None:
            raise UsageError(f"masker=None: {name(self.generator)} replaces hidden patches; use a RandomMasker")
        check_scores(self.masker, self, self.makes_scores)
        (height, width), (rows, columns) = self.backbone.img_size, self.generator.patch_size
        if height % rows or width % columns:
            raise UsageError(
                f"backbone.img_size={self.backbone.img_size} is no multiple of the generator's patch_size="
                f"{self.generator.patch_size}; choose another of both"
            )
        self.masker.num_hidden((height // rows, width // columns))

    def _check_tokens(self) -> None:
        generator, target = self.generator, self.target_generator
        if not generator.makes_tokens:
            raise UsageError(
                f"{name(target)} needs tokens, which a {name(generator)} does not make; use a TokenGenerator, or "
                "PixelTarget"
            )
        if isinstance(target, ReplacedTokenTarget) and target.token_size != generator.patch_size:
            raise UsageError(
                f"target_generator.token_size={target.token_size} must be the generator's "
                f"patch_size={generator.patch_size}"
            )

    def _check_sharing(self) -> None:
        wanted, lent = dict(self.generator.lender_facts), self.backbone.lends()
        given = {name: lent.get(name) for name in wanted}
        if given != wanted or not self.backbone.lends_blocks or self.share_layers > self.backbone.depth:
            raise UsageError(
                f"generator.share_layers={self.share_layers} needs a BEiTViT(rel_pos='none') of at least so many "
                f"blocks with {wanted}; the backbone is a {type(self.backbone).__name__} with {given}; leave "
                "embed_dims and num_heads out of the generator, or set share_layers=0"
            )

    def _build_masker(self, masker: dict) -> BaseMasker:
        patch_size = self.generator.patch_size
        check_agreement("masker", masker, "the generator's patches", patch_size=patch_size)
        return BaseMasker.build("masker", masker, patch_size=patch_size)

    def _check_parts(self) -> None:
        """Do nothing: the masks are the generator's, so ``_check_generator`` checks the parts later."""

    @property
    def share_layers(self) -> int:
        """Return how many first blocks the generator borrows from the enhancer."""
        return self.generator.share_layers

    @property
    def detects_replaced(self) -> bool:
        """Return whether the enhancer detects replaced tokens (RevDet)."""
        return self.target_generator.reads_replaced

    # ---------------------------------------------------------------- one step

    def loss(self, images: Tensor, token_images: Tensor | None = None, **views: Tensor) -> dict[str, Tensor]:
        corrupted = self.corrupt(images, self.draw_mask(images), token_images)
        target = self.target(images, corrupted, token_images)
        enhanced = self.compare(self.enhance(corrupted.images), target, self.weight(images, corrupted))
        with torch.no_grad():
            enhanced["corrupted_mse"] = F.mse_loss(at_least_fp32(corrupted.images), at_least_fp32(images))
        return self._weighted(corrupted.losses, "generator") | self._weighted(enhanced, "enhancer")

    def corrupt(self, images: Tensor, mask: PatchMask, token_images: Tensor | None = None) -> Corrupted:
        """Return what the generator makes of the hidden patches of ``images (B, C, H, W)``."""
        return self.generator(images, mask, token_images, lender=self.backbone if self.share_layers else None)

    def enhance(self, images: Tensor) -> Tensor:
        """Return the enhancer's predictions for corrupted images: values of the target ``(B, N, T)``."""
        return self.decode(images, self.backbone(images)[-1], None)

    def target(self, images: Tensor, corrupted: Corrupted, token_images: Tensor | None = None) -> Tensor:
        """Return the target ``(B, N, T)``: which tokens were replaced, or values of the clean images."""
        if self.detects_replaced:
            return self.target_generator(corrupted.replaced)
        return self.values(images, token_images=token_images)

    def weight(self, images: Tensor, corrupted: Corrupted) -> Tensor | None:
        """Return 1 for the values ``(B, N, T)`` whose pixels were all erased, else 0; None if every value is scored."""
        if corrupted.erased is None:
            return None
        assert isinstance(self.target_generator, DenseTarget)  # see _check_erasing
        pixels = corrupted.erased.to(images.dtype).expand_as(images)
        return self.target_generator.patches(self.target_generator.reduce(pixels).floor())

    def draw_mask(self, images: Tensor, **scores: Tensor) -> PatchMask:
        """Return the generator's hidden patches; if there is no masker, each image is one visible patch."""
        if self.masker is None:
            return PatchMask(torch.zeros(len(images), 1, dtype=torch.long, device=images.device), 0, (1, 1))
        return super().draw_mask(images, **scores)

    def _weighted(self, losses: dict[str, Tensor], part: str) -> dict[str, Tensor]:
        weight = self.loss_weights[part]
        return {name: weight * value if name.startswith("loss") else value for name, value in losses.items()}

    def mask_grid(self, images: Tensor) -> Grid:
        """Return the grid on which masks are drawn, that of the generator's patches."""
        return grid_of(images, self.generator.patch_size)

    # ---------------------------------------------------------------- pictures

    @torch.no_grad()
    def predict(
        self, images: Tensor, mask: PatchMask | None = None, degrade_params: dict[str, Tensor] | None = None
    ) -> dict[str, Any]:
        """Return pictures of a batch, in normalised image space.

        ``mask`` says where the generator samples; nothing is hidden from the enhancer. Samples differ from call to call
        unless the global seed is set.
        """
        mask = self.draw_mask(images) if mask is None else mask
        corrupted = self.corrupt(images, mask)
        values, target = self.enhance(corrupted.images), self.target(images, corrupted)
        if self.detects_replaced:
            target = (target - 0.5) * 20  # logits that are almost certain
        hidden = mask.mask if corrupted.erased is None else corrupted.erased.squeeze(1)
        return dict(
            images=images,
            corrupted=corrupted.images,
            degrade_params={},
            mask=torch.zeros_like(hidden),
            generator_mask=hidden,
            output=self.target_generator.to_image(values, images),
            unaided=self.target_generator.unaided_image(values, images),
            target=self.target_generator.to_image(target, images),
            target_space=self.target_generator.space,
        )
