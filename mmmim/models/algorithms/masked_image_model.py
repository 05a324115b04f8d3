from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from mmmim.errors import UsageError, check_agreement
from mmmim.registry import MODELS
from mmmim.seeding import derive_seed

from ..backbones.base import Encoder
from ..data_preprocessors import statistics_of
from ..degradations import build_degradation
from ..heads.base import Head
from ..layers import Grid, PatchMask, full_precision, grid_of
from ..maskers import BaseMasker
from ..necks.base import Neck
from ..target_generators.base import TargetGenerator
from .agreement import (
    CLASSES,
    NUMBERS,
    ZOOM,
    check_head,
    check_masker,
    check_neck,
    check_scored,
    check_scores,
    check_target,
)


@MODELS.register_module()
class MaskedImageModel(BaseModel):
    """A model that corrupts an image, encodes it, predicts what was lost and compares that with a target.

    MAE, SimMIM, BEiT and the degradation tasks are configs of this class. What a config leaves open (widths, patch
    size, grid, channels) is filled from the neighbouring parts.

    Args:
        backbone: Encoder, see ``mmmim.ViT``.
        masker: Which patches are hidden; None hides nothing.
        degradation: Optional, or several in a list, applied one after the other before the masker.
        neck: Decoder from latent tokens to target values.
        target_generator: What has to be predicted.
        head: Computes losses from prediction and target.

    Attributes:
        makes_scores: Whether it scores patches for maskers that need it.
        predicts: Kinds of values that it predicts, see :mod:`~mmmim.models.algorithms.agreement`.
    """

    makes_scores: bool = False
    predicts: tuple[str, ...] = (NUMBERS, CLASSES, ZOOM)

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        target_generator: dict,
        masker: dict | None = None,
        degradation: dict | list[dict] | None = None,
        head: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = Encoder.build("backbone", backbone)
        self.cell_size: Grid = self.backbone.stride
        self._check_encoder()
        channels = dict(in_channels=self.backbone.in_channels)
        images = dict(channels, input_size=self.backbone.img_size, **statistics_of(self.data_preprocessor))
        check_agreement(
            "target_generator", target_generator, "the backbone's outputs", patch_size=self.cell_size, **channels
        )
        known: dict[str, Any] = dict(images, patch_size=self.cell_size)
        self.target_generator = TargetGenerator.build("target_generator", target_generator, **known)
        check_target(self.target_generator, self, self.predicts)
        self.neck = self._build_neck(neck, hides=masker is not None)
        self.head = Head.build("head", head or dict(type="mmmim.ReconstructionHead"), patch_size=self.cell_size)
        self.masker: BaseMasker | None = None if masker is None else self._build_masker(masker)
        self.degradation = build_degradation(degradation, patch_size=self.backbone.patch_size, **images)
        self.step_generator: torch.Generator | None = None
        self._check_parts()

    def _check_encoder(self) -> None:
        """Raise ``UsageError`` unless the encoder gives tokens, of images with as many channels as the data has."""
        if (kind := self.backbone.out_type) != "raw":
            raise UsageError(f"backbone.out_type={kind!r}: {type(self).__name__} reads tokens; leave out_type at 'raw'")
        mean = statistics_of(self.data_preprocessor).get("mean")
        if mean is not None and len(mean) != self.backbone.in_channels:
            raise UsageError(
                f"backbone.in_channels={self.backbone.in_channels}, but data_preprocessor.mean has {len(mean)} values, "
                "one per channel of the images; set both, and dataset.channels, to the same number"
            )

    def _build_masker(self, masker: dict) -> BaseMasker:
        check_agreement("masker", masker, "the backbone's tokens", patch_size=self.backbone.patch_size)
        return BaseMasker.build("masker", masker, patch_size=self.backbone.patch_size)

    def _build_neck(self, neck: dict, hides: bool) -> Neck:
        (height, width), (rows, columns) = self.backbone.img_size, self.cell_size
        known = dict(
            in_dims=self.backbone.embed_dims,
            out_dims=self.target_generator.dims,
            grid=(height // rows, width // columns),
            patch_size=self.cell_size,
            num_prefix=self.backbone.num_prefix,
        )
        check_agreement("neck", neck, "backbone and target_generator", **known)
        return Neck.build("neck", neck, use_mask_token=hides, **known)

    def _check_parts(self) -> None:
        check_head(self.head, self.target_generator)
        self._check_masker()
        check_neck(self.neck, self.backbone, self.head, hides=self.masker is not None)

    def _check_masker(self) -> None:
        if self.masker is not None:
            check_scores(self.masker, self, self.makes_scores)
            check_masker(self.masker, self.backbone)
            check_scored(self.masker, self.tokens_per_cell, self.target_generator, self.head, self.backbone)
        elif self.head.scope == "hidden":
            raise UsageError(
                f"{type(self.head).__name__}(scope='hidden') scores hidden patches, but there is no masker "
                "(masker=None); give a masker or set head.scope='all'"
            )

    # ---------------------------------------------------------------- one step

    def set_step(self, seed: int, iteration: int) -> None:
        """Make the masks of the next step a function of seed and iteration, whatever the number of processes."""
        self.step_generator = torch.Generator().manual_seed(derive_seed(seed, iteration))

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor | None = None,
        indices: Tensor | None = None,
        token_inputs: Tensor | None = None,
        mode: str = "tensor",
    ) -> Any:
        """Return losses, pictures or the encoder's outputs of ``inputs (B, C, H, W)``, normalised, as ``mode`` asks.

        Labels are not used. ``token_inputs`` are the same crops at the resolution of a tokenizer.
        """
        if mode == "loss":
            return self.loss(inputs, **({} if token_inputs is None else dict(token_images=token_inputs)))
        if mode == "predict":
            return self.predict(inputs)
        if mode == "tensor":
            return self.backbone(inputs)
        raise UsageError(f"mode={mode!r} is unknown; choose one of 'loss', 'predict', 'tensor'")

    def loss(self, images: Tensor, **views: Tensor) -> dict[str, Tensor]:
        """Return the losses; ``views`` of the crops, by name, are for the target generator only."""
        corrupted = self.degrade(images, self.draw_degradation(images))
        mask = None if self.masker is None else self.draw_mask(corrupted)  # (B,h,w)
        latent = self.backbone(corrupted, mask)[-1]  # (B,1+Nv,D)
        return self.reconstruction_loss(images, latent, mask, **views)

    def draw_degradation(self, images: Tensor) -> dict[str, Tensor]:
        """Return the parameters of the degradation, drawn for every image."""
        if self.degradation is None:
            return {}
        size = (images.shape[-2], images.shape[-1])
        return self.degradation.sample(size, len(images), generator=self.step_generator, device=images.device)

    @torch.no_grad()
    def degrade(self, images: Tensor, params: dict[str, Tensor]) -> Tensor:
        """Return the degraded images, or the images as they are if there is no degradation."""
        if self.degradation is None:
            return images
        with full_precision(images.device.type):
            return self.degradation(images, **params)

    def clean(self, images: Tensor) -> Tensor:
        """Return the images that have to be recovered.

        They are smaller than the crops if the degradation needs larger ones.
        """
        return images if self.degradation is None else self.degradation.clean(images)

    def decode(self, images: Tensor, latent: Tensor, mask: PatchMask | None, where: Tensor | None = None) -> Tensor:
        """Return what the neck predicts of the crops ``images`` at the outputs ``where``, or at all."""
        grid = dict(grid=self.output_grid(images)) if self.neck.needs_grid else {}
        return self.neck(latent, mask, where, **grid)

    def output_grid(self, images: Tensor) -> Grid:
        """Return the rows and columns of the encoder's outputs for the crops ``images``."""
        size = (images.shape[-2], images.shape[-1])
        size = size if self.degradation is None else self.degradation.output_size(size)
        return grid_of(size, self.cell_size)

    def mask_grid(self, images: Tensor) -> Grid:
        """Return the grid on which masks are drawn, that of the encoder's tokens."""
        return self.backbone.grid(images)

    def draw_mask(self, images: Tensor, **scores: Tensor) -> PatchMask:
        """Return masks of the images, drawn by the masker; ``scores`` of the patches are for maskers that need them."""
        assert self.masker is not None
        grid = self.mask_grid(images)
        mask = self.masker(
            grid, len(images), images=images, generator=self.step_generator, device=images.device, **scores
        )
        return mask if isinstance(mask, PatchMask) else PatchMask.from_bool(mask)

    def reconstruction_loss(
        self, images: Tensor, latent: Tensor, mask: PatchMask | None, **views: Tensor
    ) -> dict[str, Tensor]:
        """Return the losses of the predictions from ``latent`` against the targets of the clean images."""
        clean = self.clean(images)
        where, weight = self.scored(clean, mask)  # (B,K) or (B,N,T)
        prediction = self.decode(images, latent, mask, where)  # (B,K,T)
        return self.compare(prediction, self.values(clean, where, **views), weight)

    def values(self, images: Tensor, where: Tensor | None = None, token_images: Tensor | None = None) -> Any:
        """Return what has to be predicted of clean images; ``token_images`` go to targets that read them."""
        reads = self.target_generator.reads_token_images and token_images is not None
        return self.target_generator(images, where, **(dict(token_images=token_images) if reads else {}))

    def compare(self, prediction: Tensor, target: Any, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return the losses of predictions; subclasses add other losses here."""
        return self.head.loss(prediction, target, **({} if weight is None else dict(weight=weight)))

    def scored(self, images: Tensor, mask: PatchMask | None) -> tuple[Tensor | None, Tensor | None]:
        """Return the ids of the encoder's output cells that the loss counts, and the weights of target values.

        Each is None if it is not needed. The weights are of single values if the masks are finer than the output cells.
        """
        if mask is None or self.head.scope == "all":
            return None, None
        if mask.num_hidden == 0 and self.backbone.mask_mode == "drop":  # MAE at ratio 0 is an auto-encoder
            return None, None
        cells = mask.coarsen(self.tokens_per_cell)
        if cells is not None:
            return (cells.hidden, None) if self.head.scope == "hidden" else (None, cells.mask.flatten(1))
        return None, self.target_generator.weights(mask, images)

    @property
    def tokens_per_cell(self) -> Grid:
        """Return the rows and columns of tokens, which masks hide, in one of the encoder's outputs (Swin: 8 x 8)."""
        (rows, columns), (h, w) = self.cell_size, self.backbone.patch_size
        return rows // h, columns // w

    # ---------------------------------------------------------------- pictures

    @torch.no_grad()
    def predict(
        self, images: Tensor, mask: PatchMask | None = None, degrade_params: dict[str, Tensor] | None = None
    ) -> dict[str, Any]:
        """Return pictures of a batch, in normalised image space.

        The mask is ``(B, h, w)`` bool, all False without masker. ``mask`` and ``degrade_params``, drawn unless given,
        replay a batch.
        """
        degrade_params = self.draw_degradation(images) if degrade_params is None else degrade_params
        corrupted, clean = self.degrade(images, degrade_params), self.clean(images)
        mask = self.draw_picture_mask(corrupted) if mask is None else mask
        latent = self.backbone(corrupted, mask)[-1]
        values = self.decode(images, latent, mask)  # (B,N,T)
        nothing = torch.zeros(len(images), *self.backbone.grid(corrupted), dtype=torch.bool, device=images.device)
        return dict(
            images=clean,
            corrupted=corrupted,
            degrade_params=degrade_params,
            mask=nothing if mask is None else mask.mask,
            output=self.target_generator.to_image(values, clean),
            unaided=self.target_generator.unaided_image(values, clean),
            target=self.target_generator.to_image(self.target_generator(clean), clean),
            target_space=self.target_generator.space,
        )

    def draw_picture_mask(self, images: Tensor) -> PatchMask | None:
        """Return a mask to draw pictures with, or None without masker."""
        return None if self.masker is None else self.draw_mask(images)
