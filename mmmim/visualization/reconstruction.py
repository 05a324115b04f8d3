from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmmim.launch.options import load_config
from mmmim.models.target_generators import PixelTarget

from .grid import Column, save_grid
from .pixels import denormalize, grey_out, paste, stretch, to_rgb, unseen_patches
from .sources import load_crops, load_model, normalisation, normalise

PIXELS = "pixel"
PATCH_STATISTICS = (
    "The model predicts normalised patches; they are drawn with the mean and standard deviation of the true patch, "
    "which the model does not know."
)
MODEL_ONLY_TITLE = "model only"
MODEL_ONLY = "Model only: the prediction around the mean colour of the data, nothing of the true patches added."
CLAMPED = "Values are clamped to [0, 1]."


def draw(args: Namespace) -> Path:
    """Draw originals, inputs and reconstructions, and return the file."""
    config = load_config(args.config, args.cfg_options)
    model: Any = load_model(config, args.checkpoint, args.seed)
    model.set_step(args.seed, 0)
    with torch.no_grad():
        prediction = model(normalise(model, load_crops(config, model, args.images, args.num)), mode="predict")
    columns, caption = reconstruction_columns(prediction, *normalisation(model), predicts_normalised(model))
    return save_grid(columns, args.out, caption=caption)


def predicts_normalised(model: Any) -> bool:
    """Return whether the model's target is normalised, so that its predictions lack mean and contrast."""
    target = model.target_generator
    return isinstance(target, PixelTarget) and target.norm_pix != "none"


def reconstruction_columns(
    prediction: Mapping[str, Any], mean: Sequence[float], std: Sequence[float], patch_statistics: bool = False
) -> tuple[list[Column], str]:
    """Return the columns of the reconstruction picture from what ``model.predict`` returns, and the caption they need.

    Pixel predictions are pasted over the patches that the encoder did not see unchanged (hidden or degraded); all other
    patches are those of the input. A prediction that is no picture of the input's pixels (HOG, features, the whole of a
    crop whose centre is the input) is shown beside its target.

    Args:
        mean, std: Those of the data preprocessor, 0..255.
        patch_statistics: Whether the target was normalised patch by patch, which ``to_image`` has undone; a further
            column shows the prediction by itself.
    """
    space = str(prediction["target_space"])
    original = to_rgb(denormalize(prediction["images"], mean, std))
    columns = [Column("original", original), Column(input_title(prediction), input_images(prediction, mean, std))]
    output = output_images(prediction, mean, std)
    if is_of_input_pixels(prediction):
        columns.append(Column("reconstruction", output))
        what = "predicted pixels" if predicts_pixels(prediction) else space
        caption = f"Reconstruction: {what} where the input was hidden or altered, the input elsewhere."
    else:
        columns.append(Column(f"target\n({space})", target_images(prediction, mean, std)))
        columns.append(Column(f"prediction\n({space})", output))
        if not space.startswith(PIXELS):
            return columns, (
                f"Target and prediction live in the space '{space}', stretched to the full range image by image."
            )
        caption = "The target is not the input: the prediction is shown as it is."
    if not patch_statistics:
        return columns, f"{caption} {CLAMPED}"
    columns.append(Column(MODEL_ONLY_TITLE, unaided_images(prediction, mean, std)))
    return columns, " ".join([caption, CLAMPED, PATCH_STATISTICS, MODEL_ONLY])


def input_title(prediction: Mapping[str, Any]) -> str:
    """Return the title of the input column, with the share of hidden patches where there are any."""
    mask = prediction["mask"]
    return "input" if mask is None or not mask.any() else f"input ({mask.float().mean().item():.0%} hidden)"


def input_images(prediction: Mapping[str, Any], mean: Sequence[float], std: Sequence[float]) -> list[Any]:
    """Return what the encoder saw, with hidden patches in grey."""
    seen, mask = denormalize(prediction["corrupted"], mean, std), prediction["mask"]
    return to_rgb(seen if mask is None else grey_out(seen, mask))


def target_images(prediction: Mapping[str, Any], mean: Sequence[float], std: Sequence[float]) -> list[Any]:
    """Return the targets as they are drawn."""
    return to_rgb(_drawable(prediction, "target", mean, std))


def output_images(prediction: Mapping[str, Any], mean: Sequence[float], std: Sequence[float]) -> list[Any]:
    """Return the predictions; where they cover the input's pixels, patches that the encoder saw stay the input's."""
    drawn = _drawable(prediction, "output", mean, std)
    if is_of_input_pixels(prediction):
        images, corrupted, mask = prediction["images"], prediction["corrupted"], prediction["mask"]
        grid = tuple(images.shape[2:]) if mask is None else tuple(mask.shape[1:])
        unseen = unseen_patches(images, corrupted, mask, grid)
        drawn = paste(denormalize(images, mean, std), drawn, unseen)
    return to_rgb(drawn)


def unaided_images(prediction: Mapping[str, Any], mean: Sequence[float], std: Sequence[float]) -> list[Any]:
    """Return the predictions by themselves, everywhere, with nothing of the true image in them."""
    return to_rgb(_drawable(prediction, "unaided", mean, std))


def _drawable(prediction: Mapping[str, Any], key: str, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    values = prediction[key]
    if str(prediction["target_space"]).startswith(PIXELS):
        return denormalize(values, mean, std)
    return stretch(values.float())


def predicts_pixels(prediction: Mapping[str, Any]) -> bool:
    """Return whether the output of a prediction is made of pixels that the model predicted."""
    return prediction["target_space"] == PIXELS


def is_of_input_pixels(prediction: Mapping[str, Any]) -> bool:
    """Return whether the output of a prediction is a picture of its input's pixels."""
    shapes = {prediction[key].shape for key in ("images", "corrupted", "output")}
    return str(prediction["target_space"]).startswith(PIXELS) and len(shapes) == 1
