from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from mmmim.errors import UsageError

from ..contract import Part
from ..layers import PatchMask


class TargetGenerator(Part, nn.Module):
    """A base of targets: what has to be predicted of an image, ``T`` values of each output of the encoder.

    A model fills ``patch_size``, ``in_channels``, ``input_size``, ``mean`` and ``std`` of the constructor, as far as it
    has them.

    Attributes:
        dims: Width of the predictions, T.
        space: Name of the values, for pictures.
        num_classes: None for numbers; values that are ids of this many classes, ``(B, n, P)``, have
            dims P * num_classes.
        reads_replaced: Whether it is called with the tokens that CIM's generator replaced, ``(B, h, w)`` bool,
            instead of images.
        reads_token_images: Whether it takes ``token_images``, the crop at a tokenizer's resolution, if the data has it.
        weighs_values: Whether it has :meth:`weights`, so that masks may be finer than the outputs.
        value_type: Type of what it returns; a head has to have the same.
    """

    contract: ClassVar[tuple[str, ...]] = (
        "dims",
        "space",
        "num_classes",
        "reads_replaced",
        "reads_token_images",
        "weighs_values",
        "value_type",
        "forward",
        "to_image",
    )

    dims: int
    space: str
    num_classes: int | None = None
    reads_replaced: bool = False
    reads_token_images: bool = False
    weighs_values: bool = False
    value_type: type = Tensor

    @abstractmethod
    def forward(self, images: Tensor, where: Tensor | None = None) -> Any:
        """Return values ``(B, n, T)`` of clean images ``(B, C, H, W)``, at the outputs ``where (B, n)`` or at all."""

    def to_image(self, values: Any, images: Tensor) -> Tensor:
        """Return pictures ``(B, C, H, W)`` of predictions ``(B, N, T)``, completed from the true ``images``."""
        raise UsageError(f"{type(self).__name__} has no to_image: its values cannot be drawn")

    def unaided_image(self, values: Any, images: Tensor) -> Tensor:
        """Return pictures ``(B, C, H, W)`` of predictions ``(B, N, T)`` to which nothing of the true image was added.

        Only the size of ``images`` counts.
        """
        return self.to_image(values, images)

    def weights(self, mask: PatchMask, images: Tensor) -> Tensor:
        """Return 1 for the values ``(B, N, values)`` that a mask finer than the outputs hides as a whole, else 0."""
        raise UsageError(f"{type(self).__name__} has no weights: masks have to hide whole outputs of the encoder")


class EncoderTarget(TargetGenerator):
    """Features that another copy of the encoder computes from the whole image.

    Attributes:
        source: ``momentum`` if it holds an encoder of its own, ``backbone``, which checkpoints may exchange with the
            trained one; ``online`` if it does not.
        next_momentum: Momentum of the copy's next update, which is logged.
    """

    contract: ClassVar[tuple[str, ...]] = (*TargetGenerator.contract, "source", "next_momentum", "attach")

    space = "features"
    source: str = "momentum"
    next_momentum: float = 0.0

    @abstractmethod
    def attach(self, backbone: nn.Module, neck: nn.Module) -> None:
        """Remember the trained parts; the model calls this once."""

    def set_step(self, step: int, total: int) -> None:
        """Prepare the update after optimizer step ``step``, 0-based, of ``total`` (``MomentumUpdateHook``)."""

    def update(self) -> None:
        """Follow the trained parts after the optimizer step that :meth:`set_step` announced."""
