from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmmim.engine.internals import accumulation_of
from mmmim.errors import UsageError
from mmmim.models.target_generators import EncoderTarget
from mmmim.registry import HOOKS


@HOOKS.register_module()
class MomentumUpdateHook(Hook):
    """Moves ``model.target_generator`` (a ``MomentumEncoder``) after every optimizer step, not after every iteration:
    with gradient accumulation an optimizer step has several."""

    priority = "ABOVE_NORMAL"  # before checkpoints are written

    def before_train(self, runner: Runner) -> None:
        if not isinstance(getattr(_model(runner), "target_generator", None), EncoderTarget):
            raise UsageError(
                "MomentumUpdateHook: the model has no target_generator of type MomentumEncoder; remove the hook from "
                "default_hooks or custom_hooks"
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        wrapper: Any = runner.optim_wrapper
        every = accumulation_of(wrapper)
        _model(runner).target_generator.set_step(runner.iter // every, math.ceil(runner.max_iters / every))

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        wrapper: Any = runner.optim_wrapper
        if wrapper.should_update():
            _model(runner).target_generator.update()


def _model(runner: Runner) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
