from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..data_preprocessors import statistics_of
from ..degradations import Degradation
from ..heads.base import ContrastHead
from ..layers import PatchMask, full_precision, patchify, take, unpatchify
from ..target_generators.base import EncoderTarget
from .agreement import FEATURES
from .masked_image_model import MaskedImageModel

ENCODERS = "backbone.", "target_generator.backbone."


@MODELS.register_module()
class ConMIM(MaskedImageModel):
    """Masked image modelling with denoising contrast: ConMIM (`ICLR 2023 <https://arxiv.org/abs/2205.09616>`_).

    A crop is seen twice: masked by the trained encoder, whole but with changed colours by its slow copy. Each masked
    patch has to find the slow copy's feature of its own position among those of the same image (Eq. 3).

    Args:
        query_view, key_view: Photometric change of the view of the trained and of the slow encoder, a config such as
            ``dict(type='PhotometricView')``; None leaves the crop as it is.
        share_photometric: Change both views by the same random draw.
        export_weights: Which encoder checkpoints hold as ``backbone``: the slow copy (``momentum``, as the authors
            fine-tune) or the trained one (``online``); the other one is ``target_generator.backbone``.
    """

    predicts = (FEATURES,)
    target_generator: EncoderTarget
    head: ContrastHead

    def __init__(
        self,
        *args: Any,
        query_view: dict | None = None,
        key_view: dict | None = None,
        share_photometric: bool = False,
        export_weights: str = "momentum",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.degradation is not None:
            raise UsageError("ConMIM has two views; give query_view and key_view instead of degradation")
        self._check_contrast()
        known: dict[str, Any] = dict(statistics_of(self.data_preprocessor), in_channels=self.backbone.in_channels)
        self.query_view = None if query_view is None else Degradation.build("query_view", query_view, **known)
        self.key_view = None if key_view is None else Degradation.build("key_view", key_view, **known)
        if share_photometric and query_view != key_view:
            raise UsageError("share_photometric=True needs query_view and key_view to be equal")
        self.share_photometric = share_photometric
        self.target_generator.attach(self.backbone, self.neck)
        self.export_weights = one_of("export_weights", export_weights, ("momentum", "online"))
        if export_weights == "momentum" and self.target_generator.source == "momentum":
            self.register_state_dict_post_hook(_swap_encoders)
            self.register_load_state_dict_pre_hook(_swap_encoders)

    def _check_masker(self) -> None:
        if self.masker is not None and self.backbone.mask_mode != "replace":
            raise UsageError(
                f"ConMIM replaces hidden patches, which mask_mode={self.backbone.mask_mode!r} of "
                f"{type(self.backbone).__name__} does not; set backbone.mask_mode='replace'"
            )
        super()._check_masker()

    def _check_contrast(self) -> None:
        head = type(self.head).__name__
        pools, whole = self.neck.pool, self.head.contrasts_images
        if pools != whole:
            fix = f"set neck.pool={whole}, or head.type='{'InstanceContrastHead' if pools else 'PatchContrastHead'}'"
            raise UsageError(f"neck.pool={pools}, but {head} contrasts {'images' if whole else 'patches'}; {fix}")

    def loss(self, images: Tensor, **views: Tensor) -> dict[str, Tensor]:
        mask = None if self.masker is None else self.draw_mask(images)  # (B,h,w)
        cells = None if mask is None else mask.coarsen(self.tokens_per_cell)
        where = None if cells is None else cells.hidden  # (B,K)
        query_view, key_view = self.views(images)
        queries = self.neck(self.backbone(query_view, mask)[-1], mask, where)  # (B,K,d)
        keys = self.target_generator(key_view)  # (B,N,d)
        losses = self.head.loss(queries, keys, where)
        momentum = torch.full((), self.target_generator.next_momentum, device=images.device)
        return dict(losses, momentum=momentum)

    @torch.no_grad()
    def views(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the crop as the trained and as the slow encoder see it; the geometry is the same."""
        size = (images.shape[-2], images.shape[-1])

        def seen(view: Degradation | None, params: dict[str, Tensor] | None) -> tuple[Tensor, dict[str, Tensor] | None]:
            if view is None:
                return images, None
            if params is None:
                params = view.sample(size, len(images), generator=self.step_generator, device=images.device)
            return view(images, **params), params

        with full_precision(images.device.type):
            query_view, params = seen(self.query_view, None)
            key_view, _ = seen(self.key_view, params if self.share_photometric else None)
        return query_view, key_view

    # ---------------------------------------------------------------- pictures

    @torch.no_grad()
    def predict(
        self, images: Tensor, mask: PatchMask | None = None, degrade_params: dict[str, Tensor] | None = None
    ) -> dict[str, Any]:
        """Return pictures of a batch: each hidden patch shows the patch of the image whose key its query finds."""
        mask = self.draw_picture_mask(images) if mask is None else mask
        grid = self.output_grid(images)
        query_view, key_view = self.views(images)
        queries = self.neck(self.backbone(query_view, mask)[-1], mask)  # (B,N,d)
        keys = self.target_generator(key_view)
        if queries.shape[1] != keys.shape[1] or queries.shape[1] == 1:
            raise UsageError("ConMIM with pooled features finds images, not patches: there is nothing to draw")
        found = (queries @ nn.functional.normalize(keys, dim=-1).transpose(1, 2)).argmax(2)  # (B,N)
        patches = take(patchify(images, self.cell_size), found)
        nothing = torch.zeros(len(images), *self.backbone.grid(images), dtype=torch.bool, device=images.device)
        return dict(
            images=images,
            corrupted=query_view,
            degrade_params={},
            mask=nothing if mask is None else mask.mask,
            output=(pictures := unpatchify(patches, self.cell_size, grid)),
            unaided=pictures,
            target=images,
            target_space="pixels of the patches whose features were found",
        )


def _swap_encoders(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Exchange the names of the trained encoder and its slow copy, in place."""
    first, second = (prefix + name for name in ENCODERS)
    renamed = {
        (second + key[len(first) :] if key.startswith(first) else first + key[len(second) :]): key
        for key in state_dict
        if key.startswith((first, second))
    }
    values = {new: state_dict.pop(old) for new, old in renamed.items()}
    state_dict.update(values)
