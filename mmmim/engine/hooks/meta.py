from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmmim.errors import UsageError
from mmmim.registry import HOOKS
from mmmim.version import __version__

STAGES = ("ssl", "ft")


@HOOKS.register_module()
class MetaHook(Hook):
    """Writes what a user of the checkpoint has to know into ``meta['mmmim']``, in plain Python types.

    These are ``method`` (class of the algorithm), ``stage``, ``epoch``, ``iter``, ``version``, ``mean``, ``std``,
    ``to_rgb``, the ``value_range`` of the training images if they have one, and what ``backbone.describe()`` returns:
    arch, patch size, image size, channels, kind of position embedding.

    Args:
        stage: ``'ssl'`` for self-supervised pre-training, ``'ft'`` if labels were used. The default is the model's
            attribute ``stage``, or ``'ssl'`` if it has none.
    """

    def __init__(self, stage: str | None = None) -> None:
        if stage not in (None, *STAGES):
            raise UsageError(f"stage: expected one of {STAGES} or None, got {stage!r}")
        self.stage = stage

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        describe = getattr(getattr(model, "backbone", None), "describe", dict)
        facts: dict[str, Any] = dict(describe())
        facts.update(
            method=type(model).__name__,
            stage=self.stage or getattr(model, "stage", "ssl"),
            epoch=checkpoint["meta"]["epoch"],
            iter=checkpoint["meta"]["iter"],
            version=__version__,
            to_rgb=True,
        )
        for name in ("mean", "std"):
            values = getattr(getattr(model, "data_preprocessor", None), name, None)
            if values is not None:
                # Rounding gives the number of the config back, without the noise of fp32.
                facts[name] = [float(f"{value:.6g}") for value in values.flatten().tolist()]
        if (value_range := _value_range(runner)) is not None:
            facts["value_range"] = np.asarray(value_range, np.float64).tolist()
        checkpoint["meta"]["mmmim"] = facts


def _value_range(runner: Any) -> Any:
    dataset = getattr(runner.train_dataloader, "dataset", None)
    return getattr(getattr(dataset, "dataset", dataset), "value_range", None)
