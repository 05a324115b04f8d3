"""The base class of every encoder, with what an encoder has to say about itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, ClassVar

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of

from ..contract import Part
from ..layers import Grid, PatchMask, grid_of, recompute, to_pair
from .timm_model import TimmModel
from .transformers_model import TransformersModel


class Encoder(Part, BaseModule):
    """A base of all encoders: ``encoder(images, mask=None)`` returns one output per entry of ``out_indices``.

    A subclass calls ``super().__init__`` with the facts below, sets ``arch``, ``embed_dims``, ``out_indices`` and
    ``mask_token``, builds its modules and ends with :meth:`freeze`. It writes :meth:`freezable`, :meth:`block_list` and
    ``forward``; :class:`~mmmim.models.backbones.staged.StagedEncoder` has a ``forward`` for stages that shrink the map.
    With :meth:`describe` and :meth:`settings_from` tools rebuild it from a checkpoint without a config, and with
    :meth:`timm_model` they export it. ``docs/new_encoder.md`` has an example.

    Args:
        img_size: Pixels of an image, ``int`` or ``(H, W)``.
        patch_size: Pixels of a token, which a mask hides or shows; also the ``stride``, the pixels of an output, until
            a subclass says otherwise.
        mask_mode: One of :attr:`mask_modes`; None has no mask token.
        out_type: One of :attr:`out_types`: tokens ``raw (B, P+N, D)``, maps ``featmap (B, D, h, w)``, ``cls`` or
            ``avg (B, D)``.
        with_cp: Recompute blocks in the backward pass to save memory.
        pads_images: Take images that are not whole patches, which the subclass pads.
    """

    contract: ClassVar[tuple[str, ...]] = (
        *(
            "embed_dims",
            "patch_size",
            "stride",
            "img_size",
            "in_channels",
            "num_prefix",
            "mask_mode",
            "out_type",
            "grid",
        ),
        *("lends", "lends_blocks"),
    )
    mask_modes: ClassVar[tuple[str | None, ...]] = ("replace", None)
    out_types: ClassVar[tuple[str, ...]] = ("raw", "featmap", "avg")
    task_norms: ClassVar[tuple[str, ...]] = ()  # names of norms that a task adds and no export contains
    num_prefix: int = 0  # number of tokens before those of the patches
    # Patterns of names that only a file of pre-training has, and of names that it need not have.
    pretrain_only: tuple[str, ...] = ("mask_token",)
    downstream_only: tuple[str, ...] = ()
    frozen_stages: int = -1
    lends_blocks: bool = False  # whether CIM's generator may run its first blocks

    img_size: Grid
    patch_size: Grid
    stride: Grid
    in_channels: int
    mask_mode: str | None
    out_type: str
    arch: Any  # name or settings
    embed_dims: int
    out_indices: tuple[int, ...]
    mask_token: nn.Parameter | None

    def __init__(
        self,
        *,
        img_size: int | tuple[int, int],
        patch_size: int | tuple[int, int],
        in_channels: int = 3,
        mask_mode: str | None = "replace",
        out_type: str = "raw",
        with_cp: bool = False,
        pads_images: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.img_size = to_pair(img_size)
        self.patch_size = self.stride = to_pair(patch_size)
        self.in_channels = in_channels
        self.mask_mode = one_of("mask_mode", mask_mode, self.mask_modes)
        self.out_type = one_of("out_type", out_type, self.out_types)
        self.with_cp, self.pads_images = with_cp, pads_images
        self.mask_token = None
        self.grid_size = self.grid(self.img_size)
        self.register_load_state_dict_pre_hook(_adapt)

    # ---------------------------------------------------------------- to be written by a subclass

    @abstractmethod
    def forward(self, images: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """Encode ``images (B, C, H, W)`` and return one output of ``out_type`` per entry of ``out_indices``."""

    @abstractmethod
    def freezable(self) -> list[list[nn.Module]]:
        """Return the modules that ``frozen_stages`` counts: those of the stem, of the first stage, and so on."""

    @abstractmethod
    def block_list(self) -> list[nn.Module]:
        """Return the blocks in the order in which they run; each has a layer id and is recomputed as a whole."""

    def level_dims(self) -> dict[str, int]:
        """Return the name and width of each output; names count from 1."""
        return {f"block{index + 1}": self.embed_dims for index in self.out_indices}

    @property
    def num_features(self) -> int:
        """Return the width of the last output, under timm's name."""
        return list(self.level_dims().values())[-1]

    def describe(self) -> dict[str, Any]:
        """Return plain facts for a checkpoint's ``meta['mmmim']``; a subclass adds what :meth:`settings_from` needs."""
        return dict(
            backbone=type(self).__name__,
            arch=self.arch,
            embed_dims=self.embed_dims,
            img_size=list(self.img_size),
            patch_size=list(self.patch_size),
            in_channels=self.in_channels,
        )

    @classmethod
    def settings_from(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
        """Return the arguments that rebuild the encoder of a checkpoint, without its mask token.

        Args:
            meta: What the encoder said of itself with :meth:`describe`.
            state: Its tensors.
        """
        return dict(img_size=tuple(meta["img_size"]), in_channels=meta["in_channels"])

    @classmethod
    def architecture(cls, meta: Mapping[str, Any]) -> str:
        """Return the name by which exports know the architecture: ``vit``, ``beit``, ``swin``, ``swinv2``, ``resnet``.

        The tables of ``mmmim/interop`` have an entry per name. An encoder that has another name, here that of its
        class, goes to timm by :meth:`timm_model` and to every target that needs no names of its own.

        Args:
            meta: What the encoder said of itself with :meth:`describe`.
        """
        return cls.__name__.lower()

    @classmethod
    def timm_model(
        cls, meta: Mapping[str, Any], state: Mapping[str, Tensor], pool: str | None = None, fc_norm: bool = False
    ) -> TimmModel:
        """Return timm's model of a checkpoint's encoder, and the weights under its names.

        Args:
            pool: How a classifier pools, ``avg`` or ``cls``; None without a head.
            fc_norm: Whether the classifier's head norms the pooled features.

        Raises:
            UsageError: timm has no such model.
        """
        raise UsageError(f"--to timm: {cls.__name__} names no model of timm; use --to safetensors")

    @classmethod
    def transformers_model(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> TransformersModel | None:
        """Return transformers' model of a checkpoint's encoder, or None if it has none.

        An ``architecture`` in the table of ``mmmim/interop/export/transformers`` is not asked.
        """
        return None

    def adapt_state_dict(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Change the tensors to be loaded so that they fit; without a mask token here, drop the stored one."""
        if self.mask_token is None:
            state_dict.pop(prefix + "mask_token", None)

    def lends(self) -> dict[str, Any]:
        """Return the settings that a small encoder beside this one, CIM's generator, shares with it."""
        return {}

    # ---------------------------------------------------------------- images and masks

    def grid(self, images: Tensor | tuple[int, int]) -> Grid:
        """Return the rows and columns of tokens of images, or of an image size in pixels."""
        if not self.pads_images:
            return grid_of(images, self.patch_size)
        (height, width), (ph, pw) = images.shape[-2:] if isinstance(images, Tensor) else images, self.patch_size
        return -(-height // ph), -(-width // pw)

    def check_channels(self, images: Tensor) -> None:
        """Raise ``UsageError`` unless the images have ``in_channels`` channels."""
        if images.shape[1] != self.in_channels:
            raise UsageError(f"images have {images.shape[1]} channels, the backbone has in_channels={self.in_channels}")

    def checked_mask_token(self, mask: PatchMask, grid: Grid) -> Any:
        """Return the mask token, or raise an error if the mask does not fit the grid or there is no mask token."""
        if self.mask_mode is None:
            raise UsageError("a mask needs the mask token; set backbone.mask_mode='replace'")
        if mask.grid != grid:
            raise ValueError(f"mask grid {mask.grid} does not fit the image's grid of tokens {grid}")
        return self.mask_token

    # ---------------------------------------------------------------- running

    def run(self, block: nn.Module, x: Tensor, *rest: Any) -> Tensor:
        """Return ``block(x, *rest)``; with ``with_cp``, only ``x`` is kept for the backward pass."""
        if self.with_cp and torch.is_grad_enabled() and x.requires_grad:
            return recompute(self.run_block, block, x, *rest)
        return self.run_block(block, x, *rest)

    def run_block(self, block: nn.Module, x: Tensor, *rest: Any) -> Tensor:
        """Return ``block(x, *rest)``; subclasses override it where a block takes other arguments."""
        return block(x, *rest)

    def graph(self) -> AbstractContextManager:
        """Return the context to run the encoder in, which records no gradients if the whole encoder is frozen."""
        frozen = self.frozen_stages >= 0 and self.frozen_stages == self.freezable_stages
        return torch.set_grad_enabled(torch.is_grad_enabled() and not frozen)

    # ---------------------------------------------------------------- freezing

    @property
    def freezable_stages(self) -> int:
        """Return the largest ``frozen_stages``, which freezes everything; -1 freezes nothing and 0 the stem."""
        return len(self.freezable()) - 1

    def freeze(self, frozen_stages: int) -> None:
        """Freeze the first stages: their modules get no gradients and stay in eval mode.

        From 0 on, the encoder's own tokens and position tables are frozen with the stem.
        """
        if not -1 <= frozen_stages <= self.freezable_stages:
            raise UsageError(f"frozen_stages={frozen_stages} must lie in -1..{self.freezable_stages}")
        self.frozen_stages = frozen_stages
        for module in self._frozen_modules():
            module.requires_grad_(False).eval()
        if frozen_stages >= 0:
            for token in self.parameters(recurse=False):
                token.requires_grad = False

    def _frozen_modules(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        return [module for stage in self.freezable()[: self.frozen_stages + 1] for module in stage]

    def train(self, mode: bool = True) -> Any:
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    # ---------------------------------------------------------------- layers

    def get_layer_depth(self, param_name: str, prefix: str = "") -> tuple[int, int]:
        """Return the layer id of a parameter for layer-wise learning rate decay, and the number of ids.

        The stem and the tokens have id 0, block i has i+1. Parameters between two blocks have the id of the block
        before them, and those after the last block have the last id.
        """
        last = len(self.block_list()) + 1
        return self._layer_ids.get(param_name.removeprefix(prefix), last), last + 1

    @cached_property
    def _layer_ids(self) -> dict[str, int]:
        blocks = self.block_list()
        ids = {id(param): index + 1 for index, block in enumerate(blocks) for param in block.parameters()}
        found, current = {}, 0
        for name, param in self.named_parameters():
            current = ids.get(id(param), current)
            is_behind = current == len(blocks) and id(param) not in ids
            found[name] = current + is_behind
        return found


def valid_indices(argument: str, indices: int | Sequence[int], number: int, of: str) -> tuple[int, ...]:
    """Return 0-based indices in ascending order; negative ones are counted from the end."""
    listed = [indices] if isinstance(indices, int) else list(indices)
    if not listed or (bad := [i for i in listed if not -number <= i < number]):
        raise UsageError(f"{argument}={listed and bad} out of range for {of} (0-based)")
    return tuple(sorted({i % number for i in listed}))


def _adapt(module: Any, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    module.adapt_state_dict(state_dict, prefix)
