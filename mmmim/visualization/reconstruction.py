from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from .grid import Column
from .pixels import denormalize, grey_out, paste, stretch, to_rgb, unseen_patches

PIXELS = "pixel"


def reconstruction_columns(
    prediction: Mapping[str, Any], mean: Sequence[float], std: Sequence[float], patch_statistics: bool = False
) -> tuple[list[Column], str]:
    """Columns of the reconstruction picture from what ``model.predict`` returns, and the caption they need.

    Pixel predictions are pasted over the patches the encoder did not see as they were (hidden or degraded);
    the other patches stay those of the input. Other targets (HOG, features) stand beside their prediction.

    Args:
        mean, std: Of the data preprocessor, 0..255.
        patch_statistics: The target was normalised patch by patch, and ``to_image`` has undone it.
    """
    images, output, mask = prediction["images"], prediction["output"], prediction["mask"]
    space = str(prediction["target_space"])
    grid = tuple(mask.shape[1:]) if mask is not None else tuple(images.shape[2:])
    original = denormalize(images, mean, std)
    seen = denormalize(prediction["corrupted"], mean, std)
    if mask is not None:
        seen = grey_out(seen, mask)
    columns = [Column("original", to_rgb(original)), Column(_input_title(mask), to_rgb(seen))]

    if space.startswith(PIXELS) and output.shape == images.shape:
        unseen = unseen_patches(images, prediction["corrupted"], mask, grid)
        pasted = paste(original, denormalize(output, mean, std), unseen)
        columns.append(Column("reconstruction", to_rgb(pasted)))
        caption = "Reconstruction: predicted pixels where the input was hidden or altered, the input elsewhere."
        if patch_statistics:
            caption += (
                " The model predicts normalised patches; they are drawn with the mean and standard deviation"
                " of the true patch, which the model does not know."
            )
        return columns, caption
    columns.append(Column(f"target\n({space})", to_rgb(_stretched(prediction["target"]))))
    columns.append(Column(f"prediction\n({space})", to_rgb(_stretched(output))))
    return (
        columns,
        f"Target and prediction live in the space '{space}', stretched to the full range image by image.",
    )


def _input_title(mask: Tensor | None) -> str:
    if mask is None:
        return "input"
    return f"input ({mask.float().mean().item():.0%} hidden)"


def _stretched(images: Tensor) -> Tensor:
    return stretch(images.float())
