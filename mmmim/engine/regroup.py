"""Convert checkpoints whose optimizer has a group for each parameter to the groups of the run that resumes them."""

from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper
from torch.optim import Optimizer

from mmmim.engine.optim.merged_groups import APPLIED
from mmmim.engine.resumed_settings import optimizers
from mmmim.errors import UsageError

SCHEDULED = ("base_values", "_last_value")  # values of a schedule's state with one entry per group


def regroup(checkpoint: dict[str, Any], runner: Any, file: str) -> None:
    """Change the optimizer states and schedules of ``checkpoint`` in place where a group is a single parameter.

    The values stay as they are, so the run goes on bit by bit. Other checkpoints are left alone.

    Raises:
        UsageError: Parameters that are one group now had different settings.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    numbers = {id(parameter): number for number, parameter in enumerate(model.parameters())}
    built = optimizers(runner)
    states = {"": checkpoint["optimizer"]} if "" in built else checkpoint["optimizer"]
    schedules = checkpoint.get("param_schedulers") or []
    for name in built.keys() & states.keys():
        wrapper, _ = built[name]
        order = _order(wrapper.optimizer, numbers)
        if not _is_single(states[name], wrapper.optimizer, order):
            continue
        firsts = _convert(states[name], order, file)
        for schedule in schedules.get(name, []) if isinstance(schedules, dict) else schedules:
            for key in schedule.keys() & set(SCHEDULED):
                values = schedule[key]
                rest = values[sum(map(len, order)) :] if len(order) > 1 else []  # of MMEngine's `base_param_settings`
                schedule[key] = [*(values[first] for first in firsts), *rest]
        if len(order) == 1:
            states[name].pop("base_param_settings", None)


def _order(optimizer: Optimizer, numbers: dict[int, int]) -> list[list[int]]:
    """Return for each group the places that its parameters have among those of the optimizer in the model's order."""
    params = [[numbers.get(id(param), -1) for param in group["params"]] for group in optimizer.param_groups]
    places = {number: place for place, number in enumerate(sorted(number for group in params for number in group))}
    return [[places[number] for number in group] for group in params]


def _is_single(state: dict[str, Any], optimizer: Optimizer, order: list[list[int]]) -> bool:
    groups, now = state["param_groups"], sum(map(len, order))
    is_single = all(len(group["params"]) == 1 for group in groups)
    return is_single and len(groups) == now and len(optimizer.param_groups) < now


def _convert(state: dict[str, Any], order: list[list[int]], file: str) -> list[int]:
    """Convert an optimizer's state, and return which old group each new one has its settings from."""
    old, moments = state["param_groups"], state["state"]
    groups: list[dict[str, Any]] = []
    new: dict[int, Any] = {}
    first = 0
    for places in order:
        settings = [_settings(old[place]) for place in places]
        if any(each != settings[0] for each in settings):
            raise UsageError(
                f"--resume: {file} has a group for each parameter, and some that are one group now have different "
                "settings there. Resume with the optimizer and paramwise_cfg of its run, or start a new run from its "
                f"weights: --cfg-options load_from={file}"
            )
        groups.append(dict(settings[0], params=[*range(first, first + len(places))]))
        for number, place in enumerate(places, start=first):
            (stored,) = old[place]["params"]
            if stored in moments:
                new[number] = moments[stored]
        first += len(places)
    state["param_groups"], state["state"] = groups, new
    return [places[0] for places in order]


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key not in ("params", "param_names", *APPLIED)}
