from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader, load_state_dict
from mmengine.runner.utils import set_random_seed
from torch import nn

from mmmim.checkpoint.names import ENCODER_PREFIX, compare, differing_facts, model_state, stored_facts, strip_prefix
from mmmim.errors import UsageError
from mmmim.registry import MODELS

from .cached_extraction import CachedExtraction
from .extraction import FrozenEncoders
from .feature_cache import FeatureCache
from .features import POOLS, Features
from .splits import labelled_splits

MAX_ROWS = 3_000_000  # of the features that are held in memory for later: 9 GB for a ViT-B


class FrozenEvaluation:
    """The encoder and the labelled data that a config describes.

    A pre-training config uses its own data: the built-in toy data, or its image folder. A config with a labelled
    ``train_dataloader`` and ``val_dataloader``, such as that of a probe, defines both sets, their transforms and the
    pooling (``model.backbone.out_type``). ``data_dir`` names another folder with one sub-folder per class: ``train/``
    and ``val/`` below it are used where they exist, otherwise a tenth of each class is held out. Where the config has
    no evaluation transforms, images are resized and centre-cropped. There is no augmentation.

    Args:
        cfg: Config of a pre-training run of any method, or of a classifier.
        pool: Feature of an image, ``avg`` or ``cls``. Default: the pooling of a classifier's config, otherwise ``avg``.
        crop_ratio: Crop size divided by the resized short side. Default: the transforms of ``val_dataloader``,
            otherwise 0.875, and 1 for images below 128 pixels.
        batch_size, num_workers: See :func:`~.extraction.extract_all`.
        num_test: Number of test images of the toy data. Default: that of ``val_dataloader``, otherwise 1024.
        amp: Run the encoder in bfloat16 where autocast does so: faster, and with features that are less exact.
        cache: Where features are kept for another evaluation; None keeps nothing.
    """

    def __init__(
        self,
        cfg: Config,
        data_dir: str | None = None,
        *,
        pool: str | None = None,
        crop_ratio: float | None = None,
        device: str | torch.device = "cpu",
        batch_size: int | None = None,
        num_workers: int | None = None,
        num_test: int | None = None,
        amp: bool = False,
        cache: FeatureCache | None = None,
    ) -> None:
        self.cfg = cfg
        self.backbone, self.pool = _pooled_backbone(cfg, pool)
        self.device = torch.device(device)
        self.amp = amp
        self.datasets = labelled_splits(cfg, data_dir, crop_ratio, num_test)
        self.loading = dict(batch_size=batch_size, num_workers=num_workers)
        self.preprocessor = MODELS.build(_preprocessor(cfg)).to(self.device)
        self.cache = cache
        self._expected: list[_Weights] = []
        self._ready: dict[_Weights, tuple[Features, Features]] = {}

    def expect(self, checkpoint: str | Path | None, seeds: Iterable[int] = (0,)) -> None:
        """Say which features will be asked for later: the first call of ``features`` computes all in one pass."""
        self._expected += [_Weights.of(checkpoint, seed) for seed in seeds]

    def features(self, checkpoint: str | Path | None = None, seed: int = 0) -> tuple[Features, Features]:
        """Return training and test features of the encoder in ``checkpoint``; None: as ``seed`` initialises it."""
        wanted = _Weights.of(checkpoint, seed)
        if wanted not in self._ready:
            together = [wanted, *(each for each in self._expected if each != wanted)]
            if len(together) * sum(map(len, self.datasets)) > MAX_ROWS:  # type: ignore[arg-type]
                together = [wanted]
            self._expected = [each for each in self._expected if each not in together]
            self._ready.update(zip(together, self._extract(together), strict=True))
        return self._ready.pop(wanted)

    def _extract(self, wanted: Sequence[_Weights]) -> list[tuple[Features, Features]]:
        """Return the features of training and test images for each of the encoders."""
        modules = [self._encoder(each) for each in wanted]
        encoders = FrozenEncoders(modules, self.preprocessor, self.pool, self.device, self.amp)
        extraction = CachedExtraction(encoders, self.backbone, self.cache, **self.loading)
        train, test = self.datasets
        trains, tests = extraction.features(train, "training images"), extraction.features(test, "test images")
        return list(zip(trains, tests, strict=True))

    def _encoder(self, weights: _Weights) -> nn.Module:
        set_random_seed(weights.seed)
        backbone: nn.Module = MODELS.build(dict(self.backbone, init_cfg=None))
        if weights.checkpoint is not None:
            load_encoder(backbone, weights.checkpoint)
        return backbone


class _Weights(NamedTuple):
    """Names the weights of an encoder: a checkpoint, or the seed of an untrained one."""

    checkpoint: str | None
    seed: int

    @classmethod
    def of(cls, checkpoint: str | Path | None, seed: int) -> _Weights:
        return cls(None, seed) if checkpoint is None else cls(str(checkpoint), 0)


def load_encoder(backbone: torch.nn.Module, checkpoint: str | Path) -> str:
    """Load ``backbone.*`` from a checkpoint of a training run and return the report line.

    Raises:
        UsageError: A tensor is missing, left over or of another shape, or the file says it is of another encoder.
    """
    content = CheckpointLoader.load_checkpoint(str(checkpoint), map_location="cpu", logger="silent")
    state = strip_prefix(model_state(content), ENCODER_PREFIX)
    load_state_dict(backbone, dict(state), strict=False, logger="silent")
    report = compare(state, backbone)
    describe: Any = getattr(backbone, "describe", dict)
    differing = differing_facts(stored_facts(content), describe())
    problems = report.problems() + [f"{name}: {there} there, {here} here" for name, (there, here) in differing.items()]
    if problems or not report.complete:
        lines = "\n  ".join([report.line(), *problems])
        raise UsageError(f"{checkpoint} does not belong to this config: {lines}")
    return report.line()


def _pooled_backbone(cfg: Config, pool: str | None) -> tuple[dict, str]:
    """Return the backbone's config and the pooling of its output; a classifier's backbone pools by itself."""
    backbone = dict(cfg.model.backbone)
    own = backbone.get("out_type")
    if own not in POOLS:
        return backbone, pool or "avg"
    return dict(backbone, out_type=pool or own), pool or own


def _preprocessor(cfg: Config) -> dict:
    preprocessor = cfg.model.get("data_preprocessor") or cfg.get("data_preprocessor")
    if preprocessor is None:
        raise UsageError("data_preprocessor: this config has none, so how to normalise images is unknown")
    return dict(preprocessor)
