from __future__ import annotations

import math

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank
from mmengine.hooks import Hook

from mmmim.engine.loss_buffer import LossBuffer
from mmmim.errors import RunFailed, UsageError
from mmmim.registry import HOOKS

ADVICE = (
    "Usual causes: a learning rate that is too high or a warm-up that is too short (optim_wrapper.optimizer.lr, "
    "param_scheduler), float16 (use dtype='bfloat16' or 'float32'), or broken input data. "
    "`--resume` continues from the newest checkpoint, which is from before this step."
)


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stops training when a loss of any rank is NaN or infinite.

    The losses stay on the device and are checked every ``interval`` steps, before each checkpoint and at the end of
    an epoch, so a step costs no host sync and a run continues for at most ``interval`` steps. No checkpoint is written
    after a non-finite loss, nor one with non-finite weights. ``AutocastOptimWrapper`` ensures that the weights stay as
    they were before the bad step.

    Raises:
        RunFailed: A loss is not finite; raised on every rank, with iteration, rank and loss names.
    """

    priority = "ABOVE_NORMAL"

    def __init__(self, interval: int = 50) -> None:
        if interval < 1:
            raise UsageError(f"interval: expected a number of steps >= 1, got {interval}")
        self.interval = interval
        self.losses = LossBuffer()

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs: dict | None = None) -> None:
        if outputs:
            self.losses.append(runner.iter, outputs)
        if self.every_n_train_iters(runner, self.interval):
            self.check()

    def after_train_epoch(self, runner) -> None:
        self.check()

    def after_train(self, runner) -> None:
        self.check()

    def before_checkpoint(self, runner) -> None:
        """Check the losses; ``SafeCheckpointHook`` calls it on every rank before it saves."""
        self.check()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        bad = [name for name, value in checkpoint["state_dict"].items() if not _is_finite(value)]
        if bad:
            raise RunFailed(
                f"non-finite weights after iteration {runner.iter}: {', '.join(bad[:5])}"
                f"{' ...' if len(bad) > 5 else ''} ({len(bad)} tensors); no checkpoint was written. {ADVICE}"
            )

    def check(self) -> None:
        """Raise RunFailed if a pending loss of any rank is not finite; every rank has to call it at the same step."""
        bad = next((step for step in self.losses.drain() if not all(map(math.isfinite, step.values.values()))), None)
        found = torch.tensor(float(bad is not None))
        all_reduce(found, op="max")
        if not found:
            return
        reports = all_gather_object(
            None if bad is None else (bad.iteration, get_rank(), _describe_nonfinite(bad.values))
        )
        lines = [f"iteration {i}, rank {rank}: {names}" for i, rank, names in sorted(filter(None, reports))]
        raise RunFailed(f"non-finite loss at {'; '.join(lines)}. {ADVICE}")


def _is_finite(value: torch.Tensor) -> bool:
    return not value.is_floating_point() or bool(value.isfinite().all())


def _describe_nonfinite(values: dict[str, float]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items() if not math.isfinite(value))
