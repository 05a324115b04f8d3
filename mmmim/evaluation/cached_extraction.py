from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from mmengine.logging import print_log
from torch.utils.data import Dataset

from . import fingerprint
from .extraction import FrozenEncoders, extract_all
from .feature_cache import FeatureCache
from .features import Features

Key = dict[str, Any]


class CachedExtraction:
    """Features of datasets by some encoders, from the cache where they are in it.

    Features are kept if the dataset tells what it reads, its transforms draw no random numbers, and every image could
    be read: a file that is skipped is named in each evaluation.

    Args:
        settings: Config of the encoders.
        cache: None computes everything.
        loading: ``batch_size`` and ``num_workers`` of :func:`~.extraction.extract_all`.
    """

    def __init__(
        self, encoders: FrozenEncoders, settings: Mapping[str, Any], cache: FeatureCache | None, **loading: int | None
    ) -> None:
        self.encoders, self.settings, self.cache, self.loading = encoders, settings, cache, loading

    def features(self, dataset: Dataset, what: str) -> list[Features]:
        """Return the features of a dataset by each encoder; ``what`` names its images."""
        modules, cache = self.encoders.encoders, self.cache
        keys = None if cache is None else self._keys(dataset, what)
        if cache is None or keys is None:
            return extract_all(self.encoders, dataset, what, **self.loading)
        found = {index: features for index, key in enumerate(keys) if (features := cache.load(key)) is not None}
        missing = [index for index in range(len(modules)) if index not in found]
        length = len(dataset)  # type: ignore[arg-type]
        if not missing:
            print_log(f"features of {length:,} {what}: computed before, read from {cache.folder}", logger="current")
            return [found[index] for index in range(len(modules))]
        group = replace(self.encoders, encoders=[modules[index] for index in missing])
        for index, features in zip(missing, extract_all(group, dataset, what, **self.loading), strict=True):
            found[index] = features
            if len(features.x) == length:
                cache.store(keys[index], features)
        return [found[index] for index in range(len(modules))]

    def _keys(self, dataset: Dataset, what: str) -> list[Key] | None:
        """Return hashes of all that the features depend on, or None if they are not to be kept."""
        try:
            images, reader = fingerprint.of_dataset(dataset), fingerprint.of_code([dataset])
            return [dict(encoder, images=images, reader=reader) for encoder in self._encoder_keys]
        except fingerprint.Unknown as reason:
            print_log(f"features of the {what} are not kept for later: {reason}", logger="current")
            return None

    @cached_property
    def _encoder_keys(self) -> list[Key]:
        own = self.encoders
        shared = dict(
            preprocessor=fingerprint.of_module(own.preprocessor),
            pool=own.pool,
            device=own.device.type,
            precision=[own.amp, str(torch.get_default_dtype()), torch.get_float32_matmul_precision()],
        )
        return [
            dict(
                shared,
                encoder=fingerprint.of_module(each, self.settings),
                code=fingerprint.of_code([own.preprocessor, *each.modules()]),
            )
            for each in own.encoders
        ]
