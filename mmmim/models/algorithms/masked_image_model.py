from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from mmmim.registry import MODELS, build_part
from mmmim.seeding import mix

from ..layers import PatchMask


@MODELS.register_module()
class MaskedImageModel(BaseModel):
    """Corrupt an image, encode it, predict what was lost, compare with a target.

    MAE, SimMIM, BEiT and the degradation tasks are configs of this class. What a config leaves open (widths, patch
    size, grid, channels) is filled from the neighbouring parts.

    Args:
        backbone: Encoder, see ``mmmim.ViT``.
        masker: Which patches are hidden; None hides nothing.
        degradation: Optional image degradation, ``sample`` and ``apply``.
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
        degradation: dict | None = None,
        head: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.cell_size: tuple[int, int] = getattr(self.backbone, "stride", self.backbone.patch_size)
        self.target_generator = build_part(
            target_generator,
            patch_size=self.cell_size,
            in_channels=self.backbone.in_channels,
            **getattr(self.data_preprocessor, "statistics", {}),
        )
        self.neck = self._build_neck(neck)
        self.head = MODELS.build(head or dict(type="mmmim.ReconstructionHead"))
        self.masker: Any = None if masker is None else build_part(masker, patch_size=self.backbone.patch_size)
        self.degradation = None if degradation is None else MODELS.build(degradation)
        self.step_generator: torch.Generator | None = None
        self._check_parts()

    def _build_neck(self, neck: dict) -> Any:
        (height, width), (rows, columns) = self.backbone.img_size, self.cell_size
        known = dict(
            in_dims=self.backbone.embed_dims,
            out_dims=self.target_generator.dims,
            grid=(height // rows, width // columns),
            patch_size=self.cell_size,
            num_prefix=self.backbone.num_prefix,
        )
        if conflicts := {k: neck[k] for k in ("in_dims", "out_dims") if k in neck and neck[k] != known[k]}:
            raise ValueError(
                f"neck {conflicts} does not fit backbone and target_generator, which give "
                f"{ {k: known[k] for k in conflicts} }; leave these arguments out of the neck"
            )
        return build_part(neck, **known)

    def _check_parts(self) -> None:
        self._check_masker()
        wanted, given = getattr(self.neck, "input_tokens", None), self._encoded_tokens()
        if wanted is not None and given is not None and wanted != given:
            mode = "replace" if wanted == "all" else "drop"
            raise ValueError(
                f"{type(self.neck).__name__} decodes {wanted} tokens, but mask_mode={self.backbone.mask_mode!r} of "
                f"{type(self.backbone).__name__} encodes {given}; use mask_mode={mode!r} or another neck"
            )
        classes, head = hasattr(self.target_generator, "num_classes"), type(self.head).__name__
        if classes != getattr(self.head, "predicts_classes", False):
            fitting = "CrossEntropyHead" if classes else "ReconstructionHead"
            raise ValueError(
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
                raise ValueError(
                    f"{type(self.head).__name__}(scope='hidden') scores hidden patches, but there is no masker; "
                    "give a masker or set head.scope='all'"
                )
            return
        h, w = grid = self.backbone.grid_size
        hidden = self.masker.num_hidden(grid)
        if self.backbone.mask_mode == "drop" and not 0 < hidden < h * w:
            ratio = getattr(self.masker, "mask_ratio", None)
            raise ValueError(
                f"{type(self.masker).__name__}(mask_ratio={ratio}) hides {hidden} of {h * w} patches on the grid "
                f"{grid}; at least one must be visible and one hidden where only the visible ones are encoded"
            )
        if getattr(self.masker, "needs_scores", False) and not hasattr(self, "score_patches"):
            raise ValueError(
                f"masker {type(self.masker).__name__} needs patch scores, which {type(self).__name__} does not make; "
                "use model.type='CCMIM', or a RandomMasker or BlockMasker"
            )

    # ---------------------------------------------------------------- one step

    def set_step(self, seed: int, iteration: int) -> None:
        """Make the masks of the next step a function of seed and iteration, whatever the number of processes."""
        self.step_generator = torch.Generator().manual_seed(mix(seed, iteration))

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor | None = None,
        indices: Tensor | None = None,
        mode: str = "tensor",
    ) -> Any:
        """``inputs (B, C, H, W)`` normalised; labels are not used."""
        if mode == "loss":
            return self.loss(inputs)
        if mode == "predict":
            return self.predict(inputs)
        if mode == "tensor":
            return self.backbone(inputs)
        raise ValueError(f"mode={mode!r} is unknown; choose one of 'loss', 'predict', 'tensor'")

    def loss(self, images: Tensor) -> dict[str, Tensor]:
        mask = None if self.masker is None else self.draw_mask(images)  # (B,h,w)
        latent = self.backbone(self.degrade(images), mask)[-1]  # (B,1+Nv,D)
        return self.reconstruction_loss(images, latent, mask)

    def degrade(self, images: Tensor) -> Tensor:
        if self.degradation is None:
            return images
        params = self.degradation.sample(len(images), images.device, self.step_generator)
        return self.degradation.apply(images, **params)

    def draw_mask(self, images: Tensor, **scores: Tensor) -> PatchMask:
        grid = self.backbone.grid(images)
        mask = self.masker(
            grid, len(images), images=images, generator=self.step_generator, device=images.device, **scores
        )
        return mask if isinstance(mask, PatchMask) else PatchMask.from_bool(mask)

    def reconstruction_loss(self, images: Tensor, latent: Tensor, mask: PatchMask | None) -> dict[str, Tensor]:
        where, weight = self.scored(images, mask)  # (B,K) or (B,N,T)
        prediction = self.neck(latent, mask, where)  # (B,K,T)
        target = self.target_generator(images, where)
        return self.head.loss(prediction, target, **({} if weight is None else dict(weight=weight)))

    def scored(self, images: Tensor, mask: PatchMask | None) -> tuple[Tensor | None, Tensor | None]:
        """Ids of the encoder's output cells that the loss counts, or the weights of single target values where the
        masks are finer than these cells."""
        if mask is None or self.head.scope == "all":
            return None, None
        (rows, columns), (h, w) = self.cell_size, self.backbone.patch_size
        cells = mask.coarsen((rows // h, columns // w))
        if cells is not None:
            return cells.hidden, None
        return None, self.target_generator.weights(mask, images)

    # ---------------------------------------------------------------- pictures

    @torch.no_grad()
    def predict(self, images: Tensor, mask: PatchMask | None = None) -> dict[str, Any]:
        """What a picture needs, in normalised image space; the mask is ``(B, h, w)`` bool, all False without masker."""
        mask = self.draw_picture_mask(images) if mask is None else mask
        corrupted = self.degrade(images)
        latent = self.backbone(corrupted, mask)[-1]
        values = self.neck(latent, mask)  # (B,N,T)
        nothing = torch.zeros(len(images), *self.backbone.grid(images), dtype=torch.bool, device=images.device)
        return dict(
            images=images,
            corrupted=corrupted,
            mask=nothing if mask is None else mask.mask,
            output=self.target_generator.to_image(values, images),
            target=self.target_generator.to_image(self.target_generator(images), images),
            target_space=self.target_generator.space,
        )

    def draw_picture_mask(self, images: Tensor) -> PatchMask | None:
        return None if self.masker is None else self.draw_mask(images)
