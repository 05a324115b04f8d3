"""Register the transforms of images: torchvision's by their own names, its crops on a faster path, timm's RandAugment.

Images are uint8 tensors ``(C, H, W)``, mostly with channels last in memory; those of Pillow are taken too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from timm.data.auto_augment import rand_augment_transform
from timm.data.transforms import str_to_pil_interp
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from mmmim.errors import UsageError, one_of
from mmmim.registry import TRANSFORMS

from .decode import to_tensor
from .jpeg import Reduction
from .resize import RandomHorizontalFlip, RandomResizedCrop, Reducible, Resize, crop_and_resize, crop_reduction

_OWN = {each.__name__: each for each in (RandomHorizontalFlip, RandomResizedCrop, Resize)}
_REPLACED = {"Transform", "Compose", "RandAugment", "CutMix", "MixUp", "ToTensor"}


def _with_names(transform: type[v2.Transform]) -> Callable[..., v2.Transform]:
    """Return a builder that accepts ``interpolation='bicubic'`` and nested configs, for every torchvision release."""

    def build(*args: Any, **kwargs: Any) -> v2.Transform:
        mode = kwargs.get("interpolation")
        if isinstance(mode, str):
            kwargs["interpolation"] = InterpolationMode(
                one_of("interpolation", mode, [m.value for m in InterpolationMode])
            )
        if "transforms" in kwargs:
            kwargs["transforms"] = [build_transform(t) for t in kwargs["transforms"]]
        return transform(*args, **kwargs)

    return build


for _name, _object in vars(v2).items():
    if isinstance(_object, type) and issubclass(_object, v2.Transform) and _name not in _REPLACED:
        TRANSFORMS.register_module(name=_name, module=_with_names(_OWN.get(_name, _object)))


@TRANSFORMS.register_module()
class RandAugment:
    """timm's RandAugment, which returns an image of Pillow.

    Args:
        policy: timm's notation, such as ``'rand-m9-mstd0.5-inc1'``.
        img_size: Translations move the image by up to 0.45 times this many pixels.
        mean: Fill colour, 0..255.
    """

    def __init__(
        self,
        policy: str,
        img_size: int = 224,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        interpolation: str = "bicubic",
    ) -> None:
        if not policy.startswith("rand-"):
            raise UsageError(f"policy: expected timm's notation 'rand-m9-mstd0.5-inc1', got {policy!r}")
        hparams = dict(
            translate_const=int(img_size * 0.45),
            img_mean=tuple(min(255, round(m)) for m in mean),
            interpolation=str_to_pil_interp(interpolation),
        )
        self.augment = rand_augment_transform(policy, hparams)

    def __call__(self, image: Image.Image | torch.Tensor) -> Image.Image:
        return self.augment(F.to_pil_image(image) if isinstance(image, torch.Tensor) else image)


@TRANSFORMS.register_module()
class TwoSizeRandomResizedCrop:
    """One random crop in two sizes, as in BEiT and CIM: ``dict(inputs, token_inputs)`` for encoder and tokenizer.

    Later transforms of torchvision apply the same parameters to both.

    Args:
        size, token_size: Sizes in pixels, ``int`` or ``(H, W)``: with DALL-E's 8 pixels per token, 112 for 224.
        scale, ratio: Area and aspect ratio of the crop.
    """

    def __init__(
        self,
        size: int | tuple[int, int] = 224,
        token_size: int | tuple[int, int] = 112,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: str = "bicubic",
        token_interpolation: str = "lanczos",
    ) -> None:
        self.scale, self.ratio = list(scale), list(ratio)
        modes = dict(interpolation=interpolation, token_interpolation=token_interpolation)
        known = [mode.value for mode in InterpolationMode]
        first, second = (InterpolationMode(one_of(name, mode, known)) for name, mode in modes.items())
        self.views = dict(inputs=(_sides(size), first), token_inputs=(_sides(token_size), second))

    def __call__(self, image: Image.Image | torch.Tensor) -> dict[str, tv_tensors.Image]:
        pixels = to_tensor(image)
        box = RandomResizedCrop.get_params(pixels, self.scale, self.ratio)
        views = {name: crop_and_resize(pixels, box, size, mode) for name, (size, mode) in self.views.items()}
        return {name: tv_tensors.Image(view) for name, view in views.items()}

    def largest_reduction(self, height: int, width: int) -> int:
        """Return by which factor an image may be smaller, see :func:`~.resize.crop_reduction`."""
        sizes = [size for size, _ in self.views.values()]
        return min(crop_reduction((height, width), size, self.scale, self.ratio) for size in sizes)


def _sides(size: int | tuple[int, int]) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)


@TRANSFORMS.register_module()
class ToUint8Tensor:
    """Converts a PIL image or uint8 tensor to a plain uint8 tensor ``(C, H, W)``; every dataset applies it last."""

    def __call__(self, image: Image.Image | torch.Tensor) -> torch.Tensor:
        tensor = to_tensor(image).as_subclass(torch.Tensor)
        if tensor.dtype != torch.uint8:
            raise UsageError(
                f"transforms: samples stay uint8, got {tensor.dtype}; leave scaling and normalisation to the data "
                "preprocessor and remove ToDtype, ConvertImageDtype or Normalize"
            )
        return tensor


def build_transform(config: dict | Callable) -> Callable:
    """Build a transform from a config, or return a callable; bare names are mmmim's, whatever the default scope is."""
    if callable(config):
        return config
    config = dict(config)
    if isinstance(config.get("type"), str) and "." not in config["type"]:
        config["type"] = f"mmmim.{config['type']}"
    return TRANSFORMS.build(config)


def draws_from_torch(transform: Callable) -> bool:
    """Return whether a transform certainly draws from no other generator than torch's, as those of torchvision do."""
    if isinstance(transform, v2.Lambda) or hasattr(transform, "transforms"):  # they call others
        return False
    known = type(transform) in (*_OWN.values(), TwoSizeRandomResizedCrop, ToUint8Tensor)
    return known or type(transform).__module__.startswith("torchvision.")


def reduction_of(transforms: Sequence[Callable]) -> Reduction | None:
    """Return by which factor the first transform lets images be decoded smaller, or None if it needs all pixels."""
    first = next(iter(transforms), None)
    return first.largest_reduction if isinstance(first, Reducible) else None
