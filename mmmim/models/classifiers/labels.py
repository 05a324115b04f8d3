from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mmmim.errors import UsageError


def check_labels(labels: Tensor, num_classes: int | None = None, name: str = "labels") -> None:
    """Raise ``UsageError`` unless ``labels`` are class ids in ``[0, num_classes)``.

    This reads the values, so the labels should be on the host: on a device, reading would synchronise.
    """
    if labels.numel() == 0:
        raise UsageError(f"{name}: no samples; the dataset is empty or every file of it was unreadable.")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0:
        raise UsageError(
            f"{name}: the dataset has no labels (found {lowest}). Use a labelled dataset: an image folder "
            "with one sub-folder per class, or the built-in toy data."
        )
    if num_classes is not None and highest >= num_classes:
        raise UsageError(
            f"{name}: found class id {highest}, but num_classes={num_classes} allows 0..{num_classes - 1}. "
            f"Set num_classes to at least {highest + 1} (model.head.num_classes in a config)."
        )


def check_classes(classes: Sequence[str], num_classes: int) -> None:
    """Raise ``UsageError`` unless the dataset has ``num_classes`` classes; a dataset without class names passes."""
    if classes and len(classes) != num_classes:
        raise UsageError(
            f"the training data have {len(classes)} classes ({', '.join(classes[:3])}, ...), but "
            f"model.head.num_classes={num_classes}. Set it, and num_classes of data_preprocessor.batch_augment where "
            f"there is one, to {len(classes)} with --cfg-options, or let --data DIR do so; fewer classes than expected "
            "may mean missing class folders."
        )
