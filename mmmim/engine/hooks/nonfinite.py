from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank, get_world_size, is_main_process
from mmengine.hooks import Hook
from torch import Tensor, nn

from mmmim.checkpoint.files import atomic_write
from mmmim.engine.loss_buffer import LossBuffer, StepLosses
from mmmim.engine.optim import AutocastOptimWrapper
from mmmim.engine.optim.wrappers import no_gradients_pending, wrappers_of
from mmmim.errors import RunFailed, UsageError
from mmmim.precision import at_least_fp32
from mmmim.registry import HOOKS

ADVICE = (
    "Usual causes: a learning rate that is too high or a warm-up that is too short (optim_wrapper.optimizer.lr, "
    "param_scheduler), float16 (use dtype='bfloat16' or 'float32'), or broken input data. "
    "`--resume` continues from the newest checkpoint, which is from before this step."
)


WEIGHTS, SKIPPED, IN_ROW = "norm of the weights", "skipped updates", "skipped updates in a row"
RECORD_FILE, WEIGHTS_FILE = "nonfinite.json", "nonfinite.pt"


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stops training when a loss or a weight of any rank is NaN or infinite, or too many updates had to be skipped.

    The numbers stay on the device and are checked every ``interval`` steps, before each checkpoint and at the end of
    an epoch, so a step costs no host sync and a run continues for at most ``interval`` steps; a single process on the
    CPU checks every step. No checkpoint is written after a non-finite loss, nor one with non-finite weights.
    ``AutocastOptimWrapper`` ensures that the weights stay as they were before the bad step, and counts the updates that
    it skips because their gradient is not finite; their number is logged.

    Before the run stops, ``nonfinite.json`` says which step it was and ``nonfinite.pt`` holds the weights, from which
    ``tools/replay.py`` computes that step again.

    Args:
        interval: Steps between two checks.
        max_skipped: Number of updates in a row that may be skipped.

    Raises:
        RunFailed: A number is not finite, with iteration, rank and names, or ``max_skipped`` is exceeded; raised on
            every rank.
    """

    priority = "ABOVE_NORMAL"
    every_step_on_cpu = True  # where reading a number waits for nothing

    def __init__(self, interval: int = 50, max_skipped: int = 20) -> None:
        if interval < 1:
            raise UsageError(f"interval: expected a number of steps >= 1, got {interval}")
        if max_skipped < 0:
            raise UsageError(f"max_skipped: expected a number of updates >= 0, got {max_skipped}")
        self.interval, self.max_skipped = interval, max_skipped
        self.losses = LossBuffer()
        self.num_skipped = 0

    def before_train(self, runner) -> None:
        self.weights = [param for param in runner.model.parameters() if param.requires_grad]
        on_cpu = all(param.device.type == "cpu" for param in self.weights)
        is_free = self.every_step_on_cpu and on_cpu and get_world_size() == 1
        self.steps_between = 1 if is_free else self.interval

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs: dict | None = None) -> None:
        values: dict[str, Any] = dict(outputs or {})
        if no_gradients_pending(runner.optim_wrapper):
            values[WEIGHTS] = total_norm(self.weights)
        first = wrappers_of(runner.optim_wrapper)[0]
        if isinstance(first, AutocastOptimWrapper):
            values |= {SKIPPED: first.skipped, IN_ROW: first.skipped_in_row}
        if values:
            self.losses.append(runner.iter, values)
        if self.every_n_train_iters(runner, self.steps_between):
            self.check(runner)

    def after_train_epoch(self, runner) -> None:
        self.check(runner)

    def after_train(self, runner) -> None:
        self.check(runner)

    def before_checkpoint(self, runner) -> None:
        """Check the losses; ``SafeCheckpointHook`` calls it on every rank before it saves."""
        self.check(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if bad := nonfinite_names(checkpoint["state_dict"]):
            raise RunFailed(f"{_of_weights(runner.iter, bad)}; no checkpoint was written. {ADVICE}")

    def check(self, runner) -> None:
        """Raise RunFailed if a pending number of any rank is not finite; every rank has to call it at the same step."""
        steps = self.losses.drain()
        self._count_skipped(runner, steps)
        bad = next((step for step in steps if not all(map(math.isfinite, step.values.values()))), None)
        found = torch.tensor(float(bad is not None))
        all_reduce(found, op="max")
        if not found:
            return
        report = None if bad is None else dict(iteration=bad.iteration, rank=get_rank(), values=_nonfinite(bad.values))
        reports = sorted(filter(None, all_gather_object(report)), key=lambda each: (each["iteration"], each["rank"]))
        state = runner.model.state_dict()  # of a sharded model, which all processes gather together
        names = nonfinite_names(state)
        if is_main_process():
            _write_record(runner, reports, names, state)
        losses = [each for each in reports if each["values"].keys() - {WEIGHTS}]
        replay = f"`python tools/replay.py {runner.work_dir}` computes the step again."
        if losses and losses[0]["iteration"] <= reports[0]["iteration"]:
            raise RunFailed(f"non-finite loss at {'; '.join(map(_place, losses))}. {ADVICE} {replay}")
        raise RunFailed(f"{_of_weights(reports[0]['iteration'], names)}. {ADVICE} {replay}")

    def _count_skipped(self, runner, steps: list[StepLosses]) -> None:
        """Log how many updates were skipped since the last check, and stop after too many; ranks skip the same ones."""
        if not steps or SKIPPED not in steps[-1].values:
            return
        total = int(steps[-1].values[SKIPPED])
        if total > self.num_skipped:
            runner.logger.warning(
                f"{total - self.num_skipped} updates up to iteration {steps[-1].iteration} were skipped because their "
                f"gradient was not finite ({total} since the start of this process)"
            )
            self.num_skipped = total
        longest = max(int(step.values[IN_ROW]) for step in steps)
        if longest > self.max_skipped:
            raise RunFailed(
                f"{longest} updates in a row up to iteration {steps[-1].iteration} were skipped, because their "
                f"gradient was not finite although the loss was; max_skipped={self.max_skipped}. {ADVICE}"
            )


def total_norm(params: list[nn.Parameter]) -> Tensor:
    """Return the norm of this process' share of all ``params``, on their device."""
    local = [param.to_local() if hasattr(param, "to_local") else param for param in params]
    norms = [at_least_fp32(norm) for norm in torch._foreach_norm([param.detach() for param in local])]
    widest = reduce(torch.promote_types, (norm.dtype for norm in norms))
    return torch.stack([norm.to(widest) for norm in norms]).norm()


def nonfinite_names(state: Mapping[str, Any]) -> list[str]:
    """Return the names of the tensors that hold a NaN or an infinity."""
    return [name for name, value in state.items() if isinstance(value, Tensor) and not _is_finite(value)]


def _write_record(runner: Any, reports: list[dict[str, Any]], names: list[str], state: dict[str, Any]) -> None:
    folder = Path(runner.work_dir)
    record = dict(seed=runner.seed, processes=get_world_size(), steps=reports, weights=names)
    with suppress(OSError):  # the message of the run is worth more than its record
        with atomic_write(folder / RECORD_FILE) as file:
            file.write(json.dumps(record, indent=2).encode())
        with atomic_write(folder / WEIGHTS_FILE) as file:
            torch.save(dict(state_dict=state, meta=dict(iter=runner.iter)), file)


def _is_finite(value: Tensor) -> bool:
    share: Tensor = getattr(value, "to_local", lambda: value)()  # of a divided tensor this process' part
    return not share.is_floating_point() or bool(share.isfinite().all())


def _nonfinite(values: dict[str, float]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if not math.isfinite(value)}


def _place(report: dict[str, Any]) -> str:
    values = ", ".join(f"{name}={value}" for name, value in report["values"].items() if name != WEIGHTS)
    return f"iteration {report['iteration']}, rank {report['rank']}: {values}"


def _of_weights(iteration: int, names: list[str]) -> str:
    more = " ..." if len(names) > 5 else ""
    return f"non-finite weights after iteration {iteration}: {', '.join(names[:5])}{more} ({len(names)} tensors)"
