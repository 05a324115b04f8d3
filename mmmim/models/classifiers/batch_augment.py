from __future__ import annotations

from timm.data import Mixup
from timm.data.random_erasing import RandomErasing
from torch import Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS


@MODELS.register_module()
class ClsBatchAugment:
    """Random erasing, then mixup or cutmix, by timm's operators, on a normalised batch on its own device.

    Args:
        num_classes: width of the soft targets.
        mixup: alpha of mixup, 0 turns it off.
        cutmix: alpha of cutmix, 0 turns it off.
        prob: probability that a batch (``mode='batch'``) or image (``'elem'``, ``'pair'``) is mixed at all.
        switch_prob: probability of cutmix where both are on.
        erasing: probability that an image loses a rectangle.
        erasing_mode: fill with ``'pixel'`` noise, one ``'rand'`` colour or the mean, ``'const'``.
    """

    def __init__(
        self,
        num_classes: int,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        prob: float = 1.0,
        switch_prob: float = 0.5,
        mode: str = "batch",
        erasing: float = 0.0,
        erasing_mode: str = "pixel",
    ) -> None:
        one_of("mode", mode, ("batch", "pair", "elem"))
        one_of("erasing_mode", erasing_mode, ("pixel", "rand", "const"))
        for name, value in (("prob", prob), ("switch_prob", switch_prob), ("erasing", erasing)):
            if not 0 <= value <= 1:
                raise UsageError(f"{name}: {value} is a probability and must lie in [0, 1].")
        self.num_classes = num_classes
        self.erasing = RandomErasing(erasing, mode=erasing_mode, device="cpu") if erasing > 0 else None
        self.mixup = None
        if mixup > 0 or cutmix > 0:
            # Label smoothing belongs to the head's loss, which gives the same soft targets.
            self.mixup = Mixup(
                mixup, cutmix, None, prob, switch_prob, mode, label_smoothing=0.0, num_classes=num_classes
            )

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return changed images ``(B, C, H, W)``, with the class ids ``(B,)`` or soft targets ``(B, num_classes)``."""
        images = images.clone()
        if self.erasing is not None:
            self.erasing.device = images.device
            images = self.erasing(images)
        if self.mixup is None:
            return images, labels
        if len(images) % 2:
            raise UsageError(
                f"batch of {len(images)}: mixup and cutmix pair the images; use an even "
                "train_dataloader.batch_size with drop_last=True."
            )
        return self.mixup(images, labels)
