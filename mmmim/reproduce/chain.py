"""Judge by two configs whether a run can start from the checkpoint of the other one, without weights or training."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from mmmim.checkpoint.names import PRETRAIN_ONLY, differing_facts, listing, matching
from mmmim.config.folder import project_folder
from mmmim.config.types import default_scope
from mmmim.launch.options import checkpoint_slot
from mmmim.plan.memory import build_without_storage
from mmmim.registry import MODELS
from mmmim.reproduce.command import Run
from mmmim.reproduce.layout import parsed_options

RESIZED = ("*pos_embed", "*relative_position_bias_table")  # small tensors, resized by operators that need values
Options = tuple[str, ...]


def incompatible_starts(runs: Sequence[Run]) -> Iterator[str]:
    """Yield what would stop each run at its start, with the names of both configs."""
    seen = set()
    for run in runs:
        start = run.start
        if start is None or run.start_key or run.tool not in ("train", "knn") or run.config == start.config:
            continue
        if (pair := (start.config, encoder_options(start.options), run.config)) not in seen:
            seen.add(pair)
            yield from (f"{run.config} after {start.config}: {problem}" for problem in differences(*pair))


def encoder_options(options: Options) -> Options:
    """Return the options that belong to the encoder."""
    return tuple(word for word in options if word.startswith("model.backbone."))


def differences(earlier: str, options: Options, config: str) -> list[str]:
    """Return what would not fit when the encoder of ``config`` and its head load the checkpoint of ``earlier``.

    Args:
        earlier: Config that writes the checkpoint.
        options: Words after ``--cfg-options`` of the earlier run.
        config: Config that reads the checkpoint.
    """
    before, cfg = merged_config(earlier, options), merged_config(config, ())
    slot = checkpoint_slot(cfg)
    if slot is None:
        return ["its backbone loads no checkpoint"]
    if str(slot.get("prefix") or "").rstrip(".") != "backbone":
        return [f"it reads prefix {slot.get('prefix')!r} where encoders are stored as 'backbone.'"]
    theirs, ours = model_part(earlier, options, "backbone"), model_part(config, (), "backbone")
    facts: list[dict[str, Any]] = [getattr(encoder, "describe", dict)() for encoder in (theirs, ours)]
    problems = [f"{name} is {old} before and {new} here" for name, (old, new) in differing_facts(*facts).items()]
    problems += problems_of_loading(theirs, ours)
    wanted = next((hook.get("stage") for hook in cfg.get("custom_hooks") or [] if "Pretrained" in hook["type"]), None)
    if wanted is not None and wanted != (stage := stage_of(before)):
        problems.append(f"it asks for stage {wanted!r}, the file is of {stage!r}")
    elif checkpoint_slot(cfg, "head") is not None and head_shapes(earlier, options) != head_shapes(config, ()):
        problems.append("the heads differ")
    return problems


def stage_of(cfg: Config) -> str:
    """Return the stage that the checkpoints of a run carry in their metadata: ``ssl`` or ``ft``."""
    hooks = [*(cfg.get("default_hooks") or {}).values(), *(cfg.get("custom_hooks") or [])]
    told = next((hook.get("stage") for hook in hooks if hook and hook["type"].endswith("MetaHook")), None)
    with default_scope(cfg.get("default_scope")):
        return str(told or getattr(build_without_storage(cfg), "stage", "ssl"))


@cache
def merged_config(config: str, options: Options) -> Config:
    """Return the config with the words after ``--cfg-options`` merged in."""
    cfg = Config.fromfile(project_folder() / config)
    cfg.merge_from_dict(parsed_options(options))
    return cfg


@cache
def model_part(config: str, options: Options, name: str) -> Any:
    """Return a part of the model with shapes and without values, built in the scope of mmmim in any framework."""
    with default_scope("mmmim"), torch.device("meta"):
        return MODELS.build({**copy.deepcopy(merged_config(config, options).model[name]), "init_cfg": None})


def head_shapes(config: str, options: Options) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the head's tensors, by name."""
    return {name: tuple(value.shape) for name, value in model_part(config, options, "head").state_dict().items()}


def problems_of_loading(theirs: nn.Module, ours: nn.Module) -> list[str]:
    """Return missing tensors, left-over tensors and other shapes that remain after the load hooks of ``ours``."""
    state: dict[str, Tensor] = dict(theirs.state_dict())
    for name in matching(state, RESIZED):
        state[name] = torch.zeros(state[name].shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns that nothing is copied into tensors without storage
            missing, left_over = ours.load_state_dict(state, strict=False)
    except RuntimeError as error:
        return [" ".join(str(error).split())]
    missing = [name for name in missing if not matching([name], getattr(ours, "downstream_only", ()))]
    expendable = (*PRETRAIN_ONLY, *getattr(ours, "pretrain_only", ()))
    left_over = [name for name in left_over if not matching([name], expendable)]
    problems = [f"{len(missing)} missing in the file: {listing(missing)}"] if missing else []
    return problems + ([f"{len(left_over)} too many in the file: {listing(left_over)}"] if left_over else [])
