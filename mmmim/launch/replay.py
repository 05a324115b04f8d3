"""Computes one step of a run again, on the CPU, from its config, weights and seeds, and finds where numbers break."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mmmim.checkpoint.names import model_state
from mmmim.checkpoint.reader import read_file
from mmmim.engine.hooks.nonfinite import nonfinite_names
from mmmim.engine.hooks.step_seed import seed_step
from mmmim.engine.optim.autocast import DTYPES
from mmmim.errors import UsageError
from mmmim.launch.building import CheckedRunner
from mmmim.registry import DATA_SAMPLERS, MODELS


class Step(NamedTuple):
    """A step of a run of several processes; ``iteration`` counts micro-steps."""

    iteration: int
    rank: int
    processes: int
    seed: int


class Replay(NamedTuple):
    """Holds what a step computed: its samples, masks and losses, and where the first number was not finite."""

    files: list[str]
    images: list[str]  # least and largest value of each image
    hidden: Tensor | None  # bool (B, N), patches that the masker hid
    weights: list[str]  # names of weights that were not finite before the step
    losses: dict[str, float]
    module: str | None  # the first module whose output was not finite
    gradients: list[str]  # names of weights with a gradient that is not finite


def samples_of(cfg: Config, step: Step) -> tuple[Any, list[Any]]:
    """Return the dataset of a run and the keys of the samples of a step on one process.

    Raises:
        UsageError: The run's sampler does not say which samples a step has.
    """
    loader = copy.deepcopy(cfg.train_dataloader)
    loader.update(num_workers=0, pin_memory=False)
    built = CheckedRunner.build_dataloader(loader, seed=step.seed)
    sampler: Any = built.sampler
    if not (hasattr(sampler, "set_start") and hasattr(sampler, "world_size")):
        known = ", ".join(name for name, kind in DATA_SAMPLERS.module_dict.items() if hasattr(kind, "set_start"))
        raise UsageError(f"train_dataloader.sampler: {type(sampler).__name__} is not known; a step of {known} is")
    sampler.rank, sampler.world_size = step.rank, step.processes
    size = built.batch_size
    if hasattr(sampler, "skip"):
        sampler.skip(step.iteration * size)
    else:
        epoch, batch = divmod(step.iteration, len(built))
        sampler.set_epoch(epoch)
        sampler.set_start(batch * size)
    keys = [key for key, _ in zip(sampler, range(size), strict=False)]
    return built, keys


def replay(cfg: Config, step: Step, weights: str | Path) -> Replay:
    """Compute a step again; the losses are those of the weights in the file ``weights``.

    Raises:
        UsageError: The weights do not belong to the config.
    """
    init_default_scope(cfg.get("default_scope", "mmmim"))
    model: Any = MODELS.build(
        dict(cfg.model, data_preprocessor=cfg.model.get("data_preprocessor", cfg.get("data_preprocessor")))
    )
    state = model_state(read_file(weights))
    missing = model.load_state_dict(state, strict=False).missing_keys
    if missing:
        raise UsageError(f"{weights} does not belong to this run: it lacks {', '.join(missing[:5])}")
    model.train()
    loader, keys = samples_of(cfg, step)
    items = [loader.dataset[key] for key in keys]
    files = [_name(loader.dataset, item, key) for item, key in zip(items, keys, strict=True)]
    batch = loader.collate_fn(items)
    seed_step(step.seed, step.iteration, step.rank)
    if hasattr(model, "set_step"):
        model.set_step(step.seed, step.iteration)
    broken = nonfinite_names(model.state_dict())
    dtype = DTYPES.get(cfg.optim_wrapper.get("dtype", "float32"), torch.float32)
    with first_nonfinite(model) as found, recorded_masks(model) as masks:
        data = model.data_preprocessor(batch, True)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            losses = model(**data, mode="loss") if isinstance(data, dict) else model(*data, mode="loss")
        total, values = model.parse_losses(losses)
        total.backward()
    gradients = {name: param.grad for name, param in model.named_parameters() if param.grad is not None}
    return Replay(
        files,
        [_range(item) for item in items],
        masks[0] if masks else None,
        broken,
        {name: float(value.detach()) for name, value in values.items()},
        found[0] if found else None,
        nonfinite_names(gradients),
    )


@contextmanager
def first_nonfinite(model: nn.Module) -> Iterator[list[str]]:
    """Collect the modules whose outputs are not finite, in the order in which they run: inner modules come first."""
    found: list[str] = []
    hooks = []

    def look(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if _any_nonfinite(output):
            came = "from inputs that were not finite either" if _any_nonfinite(inputs) else "from finite inputs"
            found.append(f"{name or 'the model'} ({type(module).__name__}), {came}")

    for name, module in model.named_modules():
        hooks.append(
            module.register_forward_hook(
                lambda module, inputs, output, name=name: look(name, module, inputs, output)  # type: ignore[misc]
            )
        )
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def recorded_masks(model: Any) -> Iterator[list[Tensor]]:
    """Collect the masks that the model's masker draws."""
    found: list[Tensor] = []
    masker: Any = getattr(model, "masker", None)
    if masker is None:
        yield found
        return

    class Recorder:
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            mask = masker(*args, **kwargs)
            found.append(mask.mask)
            return mask

        def __getattr__(self, name: str) -> Any:
            return getattr(masker, name)

    model.masker = Recorder()
    try:
        yield found
    finally:
        model.masker = masker


def _any_nonfinite(values: Any) -> bool:
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    return any(not bool(tensor.isfinite().all()) for tensor in tensors)


def _name(dataset: Any, item: Any, key: Any) -> str:
    index = item.get("indices", key.index) if isinstance(item, dict) else key.index
    return dataset.name(int(index)) if hasattr(dataset, "name") else f"sample {int(index)}"


def _range(item: Any) -> str:
    tensors = [leaf for leaf in tree_leaves(item) if isinstance(leaf, Tensor) and leaf.ndim == 3]
    return f"values from {float(tensors[0].min()):g} to {float(tensors[0].max()):g}" if tensors else "no image"
