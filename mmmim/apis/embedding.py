"""Embed a folder of images with the encoder of a checkpoint."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from mmmim.checkpoint.files import atomic_write
from mmmim.datasets import ImageFolder
from mmmim.errors import UsageError, one_of
from mmmim.evaluation.cached_extraction import CachedExtraction
from mmmim.evaluation.devices import usable_device
from mmmim.evaluation.extraction import FrozenEncoders
from mmmim.evaluation.feature_cache import FeatureCache
from mmmim.evaluation.features import POOLS
from mmmim.evaluation.splits import evaluation_transforms

from .encoder import ImageEncoder
from .models import load_encoder

SUFFIXES = (".npz", ".parquet")


@dataclass
class Embeddings:
    """The features of images, a row for each.

    Attributes:
        names: Paths of the images below the folder.
        features: ``(M, D)`` float32.
        labels: ``(M,)`` class ids, -1 where there are none.
        classes: Names of the classes, by id.
        facts: Where the features come from: checkpoint, folder, encoder, size, channels and value range of the
            images, pooling.
    """

    names: list[str]
    features: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def class_names(self) -> list[str]:
        """Return the class of each image by name, empty where it has none."""
        return [self.classes[label] if label >= 0 else "" for label in self.labels]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the table to an ``.npz`` file of NumPy or a ``.parquet`` file with the columns name, class, features.

        A file of that name is replaced when the new one is complete.

        Raises:
            UsageError: The suffix is another one, pyarrow is missing, or the file cannot be written.
        """
        file = check_table(path)
        try:
            with atomic_write(file) as opened:
                (self._write_npz if file.suffix == ".npz" else self._write_parquet)(opened)
        except OSError as error:
            raise UsageError(f"{file}: cannot be written ({error.strerror}); choose another place") from None
        return file

    def to_pandas(self) -> Any:
        """Return a DataFrame of pandas with the columns name, class (if there are classes) and features.

        Raises:
            UsageError: pandas is missing.
        """
        try:
            import pandas
        except ImportError:
            raise UsageError("to_pandas needs pandas: pip install pandas") from None
        return pandas.DataFrame(dict(self._columns(), features=list(self.features)))

    def _columns(self) -> dict[str, list[str]]:
        return {"name": self.names, **({"class": self.class_names()} if self.classes else {})}

    def _write_npz(self, file: IO[bytes]) -> None:
        np.savez(
            file, names=np.array(self.names), features=self.features, labels=self.labels,
            classes=np.array(self.classes, dtype=np.str_), facts=json.dumps(self.facts),
        )  # fmt: skip

    def _write_parquet(self, file: IO[bytes]) -> None:
        pa = _pyarrow()
        features = pa.FixedSizeListArray.from_arrays(pa.array(self.features.ravel()), self.features.shape[1])
        table = pa.table(dict(self._columns(), features=features))
        pa.parquet.write_table(table.replace_schema_metadata({"mmmim": json.dumps(self.facts)}), file)

    def neighbours(self, rows: Sequence[int], k: int = 5) -> np.ndarray:
        """Return for some rows the ``k`` most similar other rows by cosine, best first: ``(len(rows), k)``."""
        x = torch.nn.functional.normalize(torch.from_numpy(self.features), dim=1)
        similar = x[list(rows)] @ x.T
        similar[torch.arange(len(rows)), list(rows)] = -2.0  # an image is no neighbour of itself
        return similar.topk(min(k, len(self) - 1), dim=1).indices.numpy()


def embed(
    checkpoint: str | os.PathLike[str] | ImageEncoder,
    folder: str | os.PathLike[str],
    *,
    pool: str | None = None,
    crop_ratio: float | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    device: str | torch.device | None = None,
    amp: bool = False,
    cache: bool = True,
    custom_imports: Sequence[str] = (),
) -> Embeddings:
    """Return the features of all images below a folder, in the order of their names.

    Args:
        checkpoint: A checkpoint that mmmim wrote, the folder of a run, or an encoder, which itself stays as it is.
        folder: A folder of images, with or without class folders, or whatever else ``ImageFolder`` reads.
        pool: ``avg`` or ``cls``; default: the encoder's.
        crop_ratio: Crop size divided by the resized short side; see :func:`~.splits.evaluation_transforms`.
        batch_size: Images that are encoded together, see :func:`~mmmim.evaluation.extraction.extract_all`.
        workers: Processes that read images; default: as many as usable cores.
        device: Default: ``cuda`` where there is one, otherwise ``cpu``.
        amp: Run in bfloat16: faster, less exact.
        cache: Keep the features, and use those that were kept before.

    Raises:
        UsageError: The checkpoint does not describe its encoder, or the folder holds no image.
    """
    where = usable_device(device)
    if isinstance(checkpoint, ImageEncoder):
        model, source = copy.deepcopy(checkpoint), None  # it may be in training, and is moved, frozen and run
    else:
        model, source = load_encoder(checkpoint, custom_imports=custom_imports), os.fspath(checkpoint)
    pooled = one_of("pool", pool or model.pool, POOLS)
    images = ImageFolder(
        os.fspath(folder),
        evaluation_transforms(model.img_size, crop_ratio),
        channels=model.backbone.in_channels,
        value_range=model.value_range,
    )
    extraction = CachedExtraction(
        FrozenEncoders([model.backbone], model.preprocessor.to(where), pooled, where, amp),
        model.backbone.describe(),
        FeatureCache() if cache else None,
        batch_size=batch_size,
        num_workers=workers,
    )
    (features,) = extraction.features(images, "images")
    unreadable = set(images.bad_files)
    readable = [index for index in range(len(images)) if images.name(index) not in unreadable]
    facts = dict(
        checkpoint=source,
        folder=os.fspath(folder),
        encoder=type(model.backbone).__name__,
        img_size=list(model.img_size),
        in_channels=model.backbone.in_channels,
        value_range=model.value_range,
        pool=pooled,
    )
    names = [images.paths[index] for index in readable]
    return Embeddings(names, features.x.numpy(), features.y.numpy(), images.classes, facts)


def check_table(path: str | os.PathLike[str]) -> Path:
    """Return the path of a table that can be written, or raise a UsageError that says why it cannot."""
    file = Path(path)
    if file.suffix not in SUFFIXES:
        raise UsageError(f"--out {file}: must end in {' or '.join(SUFFIXES)}")
    if file.suffix == ".parquet":
        _pyarrow()
    return file


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(".parquet needs pyarrow: pip install 'mmmim[hf]'; or write .npz") from None
    return pyarrow
