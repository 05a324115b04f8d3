"""The pictures of a report: what the model makes of a few images, drawn from the checkpoints of a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from mmmim.apis.encoder import ImageEncoder
from mmmim.apis.models import load_encoder
from mmmim.datasets.seeding import seeded_sample
from mmmim.errors import UsageError
from mmmim.models.algorithms.cim import CIM
from mmmim.models.backbones.plain_vit import PlainViT
from mmmim.visualization.attention import cls_attention
from mmmim.visualization.enhancement import enhancement_columns
from mmmim.visualization.grid import Column
from mmmim.visualization.masks import draw_masks, patch_scores, probability_column, score_column, set_columns
from mmmim.visualization.options import TOY
from mmmim.visualization.pixels import denormalize, to_rgb
from mmmim.visualization.reconstruction import MODEL_ONLY_TITLE, predicts_normalised, reconstruction_columns
from mmmim.visualization.sources import load_crops, load_images, load_model, normalisation, normalise

from .run_folder import RunFolder

STAGES = 4  # checkpoints that are drawn beside each other, evenly spaced and with the last
DRAWS = 64
NEIGHBOURS = 5
POOL = 128  # images among which neighbours are looked for


@dataclass(frozen=True)
class Grid:
    """Images in rows and columns, under a heading, with a sentence that explains them."""

    title: str
    columns: Sequence[Column]
    caption: str


@dataclass(frozen=True)
class Images:
    """Says where the images of a report come from.

    Args:
        source: A folder, or ``toy``.
        num: How many are drawn.
        seed: Of masks, degradations and untrained weights.
    """

    source: str
    num: int = 4
    seed: int = 0


def source_of(config: Config) -> str:
    """Return the folder that a run trained on, or ``toy`` where it was the built-in data or is not there."""
    dataset: Any = (config.get("train_dataloader") or {}).get("dataset") or {}
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    root = dataset.get("root") or dataset.get("data_root")
    return root if root and Path(root).exists() else TOY


def draw_all(run: RunFolder, images: Images) -> Iterator[Grid | str]:
    """Yield each picture that the run's method has, or a sentence that says why one is missing."""
    drawers: tuple[Callable[[RunFolder, Images], Grid | None], ...] = (
        reconstructions,
        enhancements,
        masks,
        attention,
        neighbours,
    )
    for draw in drawers:
        try:
            with seeded_sample(images.seed, 0, 0), torch.no_grad():
                grid = draw(run, images)
        except UsageError as error:
            yield f"No picture of {draw.__name__}: {error}"
            continue
        if grid is not None:
            yield grid


def reconstructions(run: RunFolder, images: Images) -> Grid | None:
    """Return what the untrained model and the stages of the training make of the same images."""
    config = _config(run)
    columns: list[Column] = []
    caption, seen = "", None
    for checkpoint in (None, *_stages(run.checkpoints)):
        model: Any = load_model(config, checkpoint, images.seed)
        model.set_step(images.seed, 0)
        batch = normalise(model, load_crops(config, model, images.source, images.num))
        statistics, prediction = normalisation(model), model(batch, mode="predict")
        drawn, caption = reconstruction_columns(prediction, *statistics, predicts_normalised(model))
        *given, output = [column for column in drawn if column.title != MODEL_ONLY_TITLE]
        if not columns:
            columns += given
        elif not _same(seen, prediction):  # masks of ccMIM depend on the weights
            columns.append(Column(f"{given[1].title}\n{_name(checkpoint)}", given[1].images))
        columns.append(Column(_name(checkpoint), output.images))
        seen = prediction
    return Grid("What the model makes of hidden parts", [*columns, *drawn[len(given) + 1 :]], caption)


def enhancements(run: RunFolder, images: Images) -> Grid | None:
    """Return what the enhancer of CIM predicts from a corrupted image."""
    config, model = _trained(run, images)
    if not isinstance(model, CIM):
        return None
    batch = normalise(model, load_crops(config, model, images.source, images.num))
    columns, caption = enhancement_columns(model, batch, model.draw_mask(batch))
    return Grid("What the enhancer sees and predicts", columns, caption)


def masks(run: RunFolder, images: Images) -> Grid | None:
    """Return which patches the trained model hides, and how often."""
    config, model = _trained(run, images)
    if model.masker is None:
        return None
    batch = normalise(model, load_crops(config, model, images.source, images.num))
    original = denormalize(batch, *normalisation(model))
    drawn = draw_masks(model, batch, DRAWS, images.seed)
    columns = [Column("original", to_rgb(original)), *set_columns(original, drawn[0], "")]
    caption = f"Masked set: what has to be predicted; visible set: what the encoder sees. P(masked): of {DRAWS} draws."
    if (scores := patch_scores(model, batch)) is not None:
        columns.append(score_column(scores, model.backbone.grid(batch), ""))
        caption += " Score: attention of the class token, each image over its own range, bright = important."
    return Grid("What is hidden", [*columns, probability_column(drawn, "")], caption)


def attention(run: RunFolder, images: Images) -> Grid | None:
    """Return where the class token looks in the last block, before and after training."""
    trained = _encoder(run)
    if not isinstance(trained.backbone, PlainViT) or trained.backbone.cls_token is None:
        return None
    untrained: Any = load_model(_config(run), None, images.seed)
    raw = load_images(images.source, trained.img_size, trained.backbone.in_channels, images.num)
    batch = trained.preprocessor(dict(inputs=raw))["inputs"]
    columns = [Column("original", to_rgb(raw / 255))]
    for name, backbone in (("untrained", untrained.backbone), ("trained", trained.backbone)):
        maps = cls_attention(backbone, batch).mean(1)
        columns.append(Column(name, list(maps.numpy())))
    caption = (
        "Attention of the class token to the patches in the last block, mean of the heads; each map over its own range."
    )
    return Grid("Where the class token looks", columns, caption)


def neighbours(run: RunFolder, images: Images) -> Grid | None:
    """Return images beside those whose features are most similar."""
    encoder = _encoder(run).eval()
    raw = load_images(images.source, encoder.img_size, encoder.backbone.in_channels, POOL)
    parts = (encoder.preprocessor(dict(inputs=part))["inputs"] for part in raw.split(32))
    features = torch.nn.functional.normalize(torch.cat([encoder(part) for part in parts]), dim=1)
    rows = torch.tensor([index * len(raw) // images.num for index in range(min(images.num, len(raw)))])
    similar = features[rows] @ features.T
    similar[torch.arange(len(rows)), rows] = -2.0  # an image is no neighbour of itself
    near = similar.topk(min(NEIGHBOURS, len(raw) - 1), dim=1)

    def column(title: str, chosen: Tensor) -> Column:
        return Column(title, to_rgb(raw[chosen] / 255))

    columns = [column("image", rows)]
    columns += [column(f"neighbour {rank + 1}", near.indices[:, rank]) for rank in range(near.indices.shape[1])]
    caption = (
        f"Each image, and those of {len(raw)} images whose features have the largest cosine similarity to its own."
    )
    return Grid("Nearest neighbours", columns, caption)


def _same(first: Any, second: Any) -> bool:
    """Return whether two predictions are of the same input with the same patches hidden."""
    masks = first["mask"], second["mask"]
    hidden = masks[0] is masks[1] or (None not in masks and torch.equal(*masks))
    return hidden and torch.equal(first["corrupted"], second["corrupted"])


def _config(run: RunFolder) -> Config:
    if run.config is None:
        raise UsageError("the run left no config")
    return run.config


def _trained(run: RunFolder, images: Images) -> tuple[Config, Any]:
    config = _config(run)
    model: Any = load_model(config, _newest(run), images.seed)
    model.set_step(images.seed, 0)
    return config, model


def _encoder(run: RunFolder) -> ImageEncoder:
    return load_encoder(_newest(run))


def _newest(run: RunFolder) -> Path:
    if not run.checkpoints:
        raise UsageError("the run has stored no checkpoint yet")
    return run.checkpoints[-1]


def _stages(checkpoints: Sequence[Path]) -> list[Path]:
    """Return at most so many checkpoints, evenly spaced, the last among them."""
    if len(checkpoints) <= STAGES:
        return list(checkpoints)
    return [checkpoints[round((index + 1) * len(checkpoints) / STAGES) - 1] for index in range(STAGES)]


def _name(checkpoint: Path | None) -> str:
    if checkpoint is None:
        return "untrained"
    found = re.fullmatch(r"(\w+?)_(\d+)", checkpoint.stem)
    return f"{found[1]} {found[2]}" if found else checkpoint.stem
