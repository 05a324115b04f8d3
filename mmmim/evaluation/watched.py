"""The images that monitors look at while a model trains: chosen once, kept in memory, encoded once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from mmmim.datasets import SampleKey
from mmmim.errors import UsageError
from mmmim.models.data_preprocessors import ImagePreprocessor

from .extraction import CPU_BATCH, DEVICE_BATCH
from .features import Features, extract_features

MAX_KEPT_BYTES = 512 * 2**20  # of the images of one set in a process


class ChosenImages(Dataset):
    """Some images of a dataset, in the order of their indices; nothing that is random is drawn anew for an epoch."""

    def __init__(self, dataset: Any, ids: np.ndarray) -> None:
        self.dataset, self.ids = dataset, ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: SampleKey | int) -> dict[str, Any]:
        return self.dataset[int(self.ids[SampleKey.of(key).index])]

    @property
    def labels(self) -> np.ndarray:
        """Return the labels of the images, -1 where unknown."""
        return labels_of(self.dataset)[self.ids]


def labels_of(dataset: Any) -> np.ndarray:
    """Return the labels of a dataset, -1 where unknown."""
    if not hasattr(dataset, "label"):  # of another package
        return np.full(len(dataset), -1)
    return np.fromiter((dataset.label(index) for index in range(len(dataset))), np.int64, len(dataset))


def choose_images(dataset: Any, count: int, seed: int = 0) -> ChosenImages:
    """Return at most ``count`` images, of each class its share; ``seed`` alone decides which."""
    labels = labels_of(dataset)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    place = np.empty(len(labels))  # of an image among those of its class, from 0 to 1
    for label in np.unique(labels):
        members = order[labels[order] == label]
        place[members] = np.arange(len(members)) / len(members)
    return ChosenImages(dataset, np.sort(order[np.argsort(place[order], kind="stable")[:count]]))


class KeptBatches:
    """The batches of a dataloader, which stay in memory after the first pass if they are not too large."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self._kept: list[dict] | None = None

    def __iter__(self) -> Iterator[dict]:
        if self._kept is not None:
            yield from self._kept
            return
        batches: list[dict] | None = []
        size = 0
        for batch in self.loader:
            size += sum(value.nbytes for value in batch.values() if isinstance(value, torch.Tensor))
            if batches is not None and size <= MAX_KEPT_BYTES:
                batches.append(batch)
            else:
                batches = None
            yield batch
        self._kept = batches


class Encoded(NamedTuple):
    """Features of a set of images at a step."""

    step: int
    features: Features


class WatchedImages:
    """The sets of images that the monitors of one run look at, and the features that its encoder gives them.

    With several processes each of them encodes its share.
    """

    _of_runners: ClassVar[WeakKeyDictionary[Runner, WatchedImages]] = WeakKeyDictionary()

    def __init__(self, runner: Runner) -> None:
        self.seed: int | None = runner.seed
        self.on_host = next(runner.model.parameters()).device.type == "cpu"
        self._loaders: dict[str, Any] = {}
        self._encoded: dict[tuple[str, str], Encoded] = {}

    @classmethod
    def of(cls, runner: Runner) -> WatchedImages:
        """Return those of a run, which all its monitors share."""
        if runner not in cls._of_runners:
            cls._of_runners[runner] = cls(runner)
        return cls._of_runners[runner]

    def add(self, name: str, images: Dataset | Mapping[str, Any]) -> Any:
        """Add a set of images under a name, unless it is there, and return its dataset.

        Args:
            images: A dataset, or the config of a dataloader.
        """
        if name not in self._loaders:
            settings = dict(images) if isinstance(images, Mapping) else self._loader_of(images)
            self._loaders[name] = KeptBatches(Runner.build_dataloader(settings, seed=self.seed or 0))
        return self._loaders[name].loader.dataset

    def _loader_of(self, images: Dataset) -> dict[str, Any]:
        return dict(
            dataset=images,
            batch_size=CPU_BATCH if self.on_host else DEVICE_BATCH,
            num_workers=0,
            sampler=dict(type="mmmim.EpochSampler", shuffle=False),
            collate_fn=dict(type="default_collate"),
        )

    def features(self, name: str, runner: Runner, pool: str) -> Features:
        """Return the features of a set by the runner's present encoder, which are computed once a step."""
        found = self._encoded.get((name, pool))
        if found is None or found.step != runner.iter:
            model = kept_model(runner)
            features = extract_features(encoder_of(model), self._loaders[name], model.data_preprocessor, pool)
            found = self._encoded[name, pool] = Encoded(runner.iter, features)
        return found.features


def kept_model(runner: Runner) -> Any:
    """Return the model whose weights a checkpoint would hold now: the average where an ``EMAHook`` makes one."""
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            return hook.ema_model.module
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def encoder_of(model: Any) -> nn.Module:
    """Return the encoder that downstream tasks get from a model.

    Raises:
        UsageError: The model has none.
    """
    encoder = getattr(model, "kept_encoder", None) or getattr(model, "backbone", None)
    if encoder is None or not isinstance(getattr(model, "data_preprocessor", None), ImagePreprocessor):
        raise UsageError(
            f"{type(model).__name__} has no encoder of images (model.backbone, with an ImagePreprocessor) to look at; "
            "--knn, --probe, --rankme and their hooks are for pre-training and classification"
        )
    return encoder
