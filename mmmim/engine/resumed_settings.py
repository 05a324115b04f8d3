"""Apply the config's settings of optimizers and schedules after a resume where they differ from the checkpoint's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict

from mmmim.errors import UsageError

# Settings of how an update is computed rather than of what it computes, and names that newer releases of torch store.
IMPLEMENTATION_KEYS = {"params", "param_names", "foreach", "fused", "capturable"}
# The progress of a schedule rather than its settings; its base values are the groups' initial ones.
PROGRESS_KEYS = {"last_step", "_global_step", "_last_value", "base_values", "verbose"}
MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")  # have the shape of their parameter


@dataclass
class OptimizerSettings:
    """The settings of one optimizer and its schedules: a copy, which later steps do not change."""

    groups: list[dict[str, Any]]
    schedules: list[dict[str, Any]]

    @classmethod
    def of(cls, wrapper: OptimWrapper, schedulers: list[Any]) -> OptimizerSettings:
        """Return the current settings of an optimizer wrapper and its schedulers."""
        groups = [{key: value for key, value in group.items() if key != "params"} for group in wrapper.param_groups]
        states = [dict(scheduler.state_dict()) for scheduler in schedulers]
        return cls(groups, states)

    def restore(self, wrapper: OptimWrapper, schedulers: list[Any]) -> None:
        """Set an optimizer wrapper and its schedulers to these settings."""
        for group, settings in zip(wrapper.param_groups, self.groups, strict=True):
            for key in group.keys() - settings.keys() - {"params"}:
                del group[key]
            group.update(settings)
        for scheduler, state in zip(schedulers, self.schedules, strict=True):
            scheduler.load_state_dict(state)

    def changes(self, old: OptimizerSettings) -> Iterator[str]:
        """Yield a line per setting that differs from ``old``; scheduled values are compared by their initial ones."""
        old_groups, new_groups = ([_unscheduled_settings(group) for group in each.groups] for each in (old, self))
        yield from _differences("optimizer", old_groups, new_groups)
        if len(old.schedules) != len(self.schedules):
            yield f"param_scheduler: {len(old.schedules)} -> {len(self.schedules)} schedules"
            return
        for index, (before, now) in enumerate(zip(old.schedules, self.schedules, strict=True)):
            yield from _differences(f"param_scheduler.{index}", [_schedule_settings(before)], [_schedule_settings(now)])


def optimizers(runner: Any) -> dict[str, tuple[OptimWrapper, list[Any]]]:
    """Return optimizer wrappers and their schedulers by name, ``""`` for the only one; both must have been built."""
    wrapper, schedulers = runner.optim_wrapper, runner.param_schedulers or []
    if not isinstance(wrapper, OptimWrapperDict):
        return {"": (wrapper, schedulers)}
    named = schedulers if isinstance(schedulers, dict) else dict.fromkeys(wrapper.keys(), schedulers)
    return {name: (each, named.get(name, [])) for name, each in wrapper.items()}


def settings(runner: Any) -> dict[str, OptimizerSettings]:
    """Return the settings of all optimizers: those of the config, as long as no checkpoint was resumed."""
    return {name: OptimizerSettings.of(*parts) for name, parts in optimizers(runner).items()}


def changed_settings(checkpoint: dict[str, Any], new: dict[str, OptimizerSettings]) -> list[str]:
    """Return a line per setting of ``new`` that differs from the run that wrote ``checkpoint``."""
    states, schedules = checkpoint["optimizer"], checkpoint.get("param_schedulers") or []
    lines = []
    for name, each in new.items():
        state = states[name] if name else states
        groups = [*state["param_groups"], *([state["base_param_settings"]] if "base_param_settings" in state else [])]
        old = OptimizerSettings(groups, schedules.get(name, []) if isinstance(schedules, dict) else schedules)
        lines += [f"{name}.{line}".lstrip(".") for line in each.changes(old)]
    return lines


def use_settings(runner: Any, new: dict[str, OptimizerSettings]) -> None:
    """Set optimizers and schedules to the state that a run with ``new`` settings would have now; moments are kept.

    Raises:
        UsageError: A schedule follows the metrics of the run, so that its course is unknown.
    """
    every = [scheduler for _, schedulers in optimizers(runner).values() for scheduler in schedulers]
    if any(getattr(scheduler, "need_val_args", False) for scheduler in every):
        raise UsageError(
            "--resume with other settings of the optimizer: a schedule that follows the metrics cannot be computed "
            "anew; keep the settings, or start a new run from the weights: --cfg-options load_from=CKPT"
        )
    for name, (wrapper, schedulers) in optimizers(runner).items():
        new[name].restore(wrapper, schedulers)
    by_iter = [scheduler for scheduler in every if not scheduler.by_epoch]
    by_epoch = [scheduler for scheduler in every if scheduler.by_epoch]
    length = len(runner.train_dataloader)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Detected call of `scheduler\.step\(\)`")
        for iteration in range(1, runner.iter + 1):
            ends_epoch = iteration % length == 0 and iteration // length <= runner.epoch
            for scheduler in (*by_iter, *by_epoch) if ends_epoch else by_iter:
                scheduler.step()


def check_optimizer_state(stored: dict[str, Any], runner: Any, file: str) -> None:
    """Refuse the optimizer state of a checkpoint that belongs to another optimizer or to other parameters.

    Raises:
        UsageError: The state does not fit; the message says what differs and how to continue.
    """
    built = optimizers(runner)
    states = {"": stored} if "" in built else stored
    if states.keys() != built.keys():
        _refuse(file, f"optimizers {sorted(states)}, the config {sorted(built)}")
    for name, (wrapper, _) in built.items():
        groups, state = wrapper.optimizer.param_groups, states[name]
        foreign = {
            key
            for group in state["param_groups"]
            for key in group.keys() - IMPLEMENTATION_KEYS - wrapper.optimizer.defaults.keys()
            if key.partition("_")[0] not in ("initial", "max", "min") and all(key not in each for each in groups)
        }
        if foreign:
            _refuse(
                file, f"another optimizer than {type(wrapper.optimizer).__name__}, with {', '.join(sorted(foreign))}"
            )
        before = [len(group["params"]) for group in state["param_groups"]]
        now = [len(group["params"]) for group in groups]
        if before != now:
            _refuse(file, f"{len(before)} groups of {sum(before)} parameters, the config {len(now)} of {sum(now)}")
        numbers = [number for group in state["param_groups"] for number in group["params"]]
        params = [param for group in groups for param in group["params"]]
        for number, param in zip(numbers, params, strict=True):
            for moment in MOMENTS:
                value = state["state"].get(number, {}).get(moment)
                if isinstance(value, torch.Tensor) and value.shape != param.shape:
                    _refuse(file, f"a parameter of {tuple(value.shape)} where the config has {tuple(param.shape)}")


def _refuse(file: str, difference: str) -> None:
    raise UsageError(
        f"--resume: the optimizer state of {file} has {difference}. Resume with the model, optimizer and paramwise_cfg "
        f"of its run, or start a new run from its weights: --cfg-options load_from={file}"
    )


def _unscheduled_settings(group: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in group.items() if key not in IMPLEMENTATION_KEYS and f"initial_{key}" not in group
    }


def _schedule_settings(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in PROGRESS_KEYS}


def _differences(name: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line per key that differs, with the values of the first group that differs in it."""
    for key in dict.fromkeys(key for group in (*new, *old) for key in group):
        pairs = [(a.get(key), b.get(key)) for a, b in zip(old, new, strict=False) if _differs(a.get(key), b.get(key))]
        if pairs:
            rest = f" (and {len(pairs) - 1} more groups)" if len(pairs) > 1 else ""
            yield f"{name}.{key.removeprefix('initial_')}: {_text(pairs[0][0])} -> {_text(pairs[0][1])}{rest}"


def _differs(old: Any, new: Any) -> bool:
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        return list(old) != list(new)  # a checkpoint may hold a list where the config gives a tuple
    return bool(old != new)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
