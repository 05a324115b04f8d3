from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from mmmim.errors import UsageError, agree
from mmmim.registry import MODELS, build_part
from mmmim.seeding import derive_seed

from ..degradations import build_degradation
from ..layers import Grid, PatchMask, full_precision, grid_of


@MODELS.register_module()
class MaskedImageModel(BaseModel):
    """Corrupt an image, encode it, predict what was lost, compare with a target.

    MAE, SimMIM, BEiT and the degradation tasks are configs of this class. What a config leaves open (widths, patch
    size, grid, channels) is filled from the neighbouring parts.

    Args:
        backbone: Encoder, see ``mmmim.ViT``.
        masker: Which patches are hidden; None hides nothing.
        degradation: Optional, or several in a list, applied one after the other before the masker.
        neck: Decoder from latent tokens to target values.
        target_generator: What has to be predicted.
        head: Prediction and target -> losses.
    """

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
        self.backbone = MODELS.build(backbone)
        self.cell_size: tuple[int, int] = getattr(self.backbone, "stride", self.backbone.patch_size)
        self._check_encoder()
        channels = dict(in_channels=self.backbone.in_channels)
        images = dict(channels, input_size=self.backbone.img_size, **getattr(self.data_preprocessor, "statistics", {}))
        agree("target_generator", target_generator, "the backbone's outputs", patch_size=self.cell_size, **channels)
        self.target_generator = build_part(target_generator, patch_size=self.cell_size, **images)
        self.neck = self._build_neck(neck, hides=masker is not None)
        self.head = build_part(head or dict(type="mmmim.ReconstructionHead"), patch_size=self.cell_size)
        self.masker: Any = None if masker is None else self._build_masker(masker)
        self.degradation: Any = build_degradation(degradation, patch_size=self.backbone.patch_size, **images)
        self.step_generator: torch.Generator | None = None
        self._check_parts()

    def _check_encoder(self) -> None:
        """The parts read tokens, of images with as many channels as the data has."""
        if (kind := getattr(self.backbone, "out_type", "raw")) != "raw":
            raise UsageError(f"backbone.out_type={kind!r}: {type(self).__name__} reads tokens; leave out_type at 'raw'")
        mean = getattr(self.data_preprocessor, "statistics", {}).get("mean")
        if mean is not None and len(mean) != self.backbone.in_channels:
            raise UsageError(
                f"backbone.in_channels={self.backbone.in_channels}, but data_preprocessor.mean has {len(mean)} values, "
                "one per channel of the images; set both, and dataset.channels, to the same number"
            )

    def _build_masker(self, masker: dict) -> Any:
        agree("masker", masker, "the backbone's tokens", patch_size=self.backbone.patch_size)
        return build_part(masker, patch_size=self.backbone.patch_size)

    def _build_neck(self, neck: dict, hides: bool) -> Any:
        (height, width), (rows, columns) = self.backbone.img_size, self.cell_size
        known = dict(
            in_dims=self.backbone.embed_dims,
            out_dims=self.target_generator.dims,
            grid=(height // rows, width // columns),
            patch_size=self.cell_size,
            num_prefix=self.backbone.num_prefix,
        )
        agree("neck", neck, "backbone and target_generator", **known)
        return build_part(neck, use_mask_token=hides, **known)

    def _check_parts(self) -> None:
        self._check_masker()
        wanted, given = getattr(self.neck, "input_tokens", None), self._encoded_tokens()
        if wanted is not None and given is not None and wanted != given:
            mode = "replace" if wanted == "all" else "drop"
            raise UsageError(
                f"{type(self.neck).__name__} decodes {wanted} tokens, but mask_mode={self.backbone.mask_mode!r} of "
                f"{type(self.backbone).__name__} encodes {given}; use mask_mode={mode!r} or another neck"
            )
        classes, head = hasattr(self.target_generator, "num_classes"), type(self.head).__name__
        if classes != getattr(self.head, "predicts_classes", False):
            fitting = "CrossEntropyHead" if classes else "ReconstructionHead"
            raise UsageError(
                f"head {head} does not fit target_generator {type(self.target_generator).__name__}, whose values are "
                f"{'classes' if classes else 'numbers'}; use a {fitting}"
            )

    def _encoded_tokens(self) -> str | None:
        if self.masker is None:
            return None
        return "visible" if self.backbone.mask_mode == "drop" else "all"

    def _check_masker(self) -> None:
        if self.masker is None:
            if self.head.scope == "hidden":
                raise UsageError(
                    f"{type(self.head).__name__}(scope='hidden') scores hidden patches, but there is no masker; "
                    "give a masker or set head.scope='all'"
                )
            return
        h, w = grid = self.backbone.grid_size
        hidden = self.masker.num_hidden(grid)
        if self.backbone.mask_mode == "drop" and hidden >= h * w:
            ratio = getattr(self.masker, "mask_ratio", None)
            raise UsageError(
                f"{type(self.masker).__name__}(mask_ratio={ratio}) hides {hidden} of {h * w} patches on the grid "
                f"{grid}; at least one must be visible where only the visible ones are encoded"
            )
        if getattr(self.masker, "needs_scores", False) and not hasattr(self, "score_patches"):
            raise UsageError(
                f"masker {type(self.masker).__name__} needs patch scores, which {type(self).__name__} does not make; "
                "use model.type='CCMIM', or a RandomMasker or BlockMasker"
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
        """``inputs (B, C, H, W)`` normalised; labels are not used. ``token_inputs`` are the same crops at the
        resolution of a tokenizer."""
        if mode == "loss":
            return self.loss(inputs, **({} if token_inputs is None else dict(token_images=token_inputs)))
        if mode == "predict":
            return self.predict(inputs)
        if mode == "tensor":
            return self.backbone(inputs)
        raise UsageError(f"mode={mode!r} is unknown; choose one of 'loss', 'predict', 'tensor'")

    def loss(self, images: Tensor, **views: Tensor) -> dict[str, Tensor]:
        """``views`` of the crops, by name, are for the target generator alone."""
        corrupted = self.degrade(images, self.draw_degradation(images))
        mask = None if self.masker is None else self.draw_mask(corrupted)  # (B,h,w)
        latent = self.backbone(corrupted, mask)[-1]  # (B,1+Nv,D)
        return self.reconstruction_loss(images, latent, mask, **views)

    def draw_degradation(self, images: Tensor) -> dict[str, Tensor]:
        """What happens to every image: the parameters of the degradation."""
        if self.degradation is None:
            return {}
        size = (images.shape[-2], images.shape[-1])
        return self.degradation.sample(size, len(images), generator=self.step_generator, device=images.device)

    @torch.no_grad()
    def degrade(self, images: Tensor, params: dict[str, Tensor]) -> Tensor:
        if self.degradation is None:
            return images
        with full_precision(images.device.type):
            return self.degradation(images, **params)

    def clean(self, images: Tensor) -> Tensor:
        """The images that have to be recovered; smaller than the crops where the degradation needs larger ones."""
        return images if self.degradation is None else self.degradation.clean(images)

    def decode(self, images: Tensor, latent: Tensor, mask: PatchMask | None, where: Tensor | None = None) -> Tensor:
        """What the neck predicts of the crops ``images`` at the outputs ``where``, or at all."""
        grid = dict(grid=self.output_grid(images)) if getattr(self.neck, "needs_grid", False) else {}
        return self.neck(latent, mask, where, **grid)

    def output_grid(self, images: Tensor) -> Grid:
        """Rows and columns of the encoder's outputs for the crops ``images``."""
        size = (images.shape[-2], images.shape[-1])
        size = size if self.degradation is None else self.degradation.output_size(size)
        return grid_of(size, self.cell_size)

    def mask_grid(self, images: Tensor) -> Grid:
        """Where masks are drawn: the encoder's tokens."""
        return self.backbone.grid(images)

    def draw_mask(self, images: Tensor, **scores: Tensor) -> PatchMask:
        grid = self.mask_grid(images)
        mask = self.masker(
            grid, len(images), images=images, generator=self.step_generator, device=images.device, **scores
        )
        return mask if isinstance(mask, PatchMask) else PatchMask.from_bool(mask)

    def reconstruction_loss(
        self, images: Tensor, latent: Tensor, mask: PatchMask | None, **views: Tensor
    ) -> dict[str, Tensor]:
        clean = self.clean(images)
        where, weight = self.scored(clean, mask)  # (B,K) or (B,N,T)
        prediction = self.decode(images, latent, mask, where)  # (B,K,T)
        target = self.target_generator(clean, where, **views)
        return self.head.loss(prediction, target, **({} if weight is None else dict(weight=weight)))

    def scored(self, images: Tensor, mask: PatchMask | None) -> tuple[Tensor | None, Tensor | None]:
        """Ids of the encoder's output cells that the loss counts, or the weights of single target values where the
        masks are finer than these cells."""
        if mask is None or self.head.scope == "all":
            return None, None
        if mask.num_hidden == 0 and self.backbone.mask_mode == "drop":  # MAE at ratio 0 is an auto-encoder
            return None, None
        if self.head.scope == "weighted":
            return None, mask.mask.flatten(1)
        cells = mask.coarsen(self.tokens_per_cell)
        if cells is not None:
            return cells.hidden, None
        return None, self.target_generator.weights(mask, images)

    @property
    def tokens_per_cell(self) -> Grid:
        """Rows and columns of the encoder's tokens, which masks hide, in one of its outputs (Swin: 8 x 8)."""
        (rows, columns), (h, w) = self.cell_size, self.backbone.patch_size
        return rows // h, columns // w

    # ---------------------------------------------------------------- pictures

    @torch.no_grad()
    def predict(
        self, images: Tensor, mask: PatchMask | None = None, degrade_params: dict[str, Tensor] | None = None
    ) -> dict[str, Any]:
        """What a picture needs, in normalised image space; the mask is ``(B, h, w)`` bool, all False without masker.

        ``mask`` and ``degrade_params``, drawn where not given, replay a batch.
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
            target=self.target_generator.to_image(self.target_generator(clean), clean),
            target_space=self.target_generator.space,
        )

    def draw_picture_mask(self, images: Tensor) -> PatchMask | None:
        return None if self.masker is None else self.draw_mask(images)
