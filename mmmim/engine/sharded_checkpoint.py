"""Writes and reads checkpoints of a :class:`ShardedDataParallel` as folders, each process its share, in parallel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from mmengine.dist import all_gather_object, is_main_process
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from mmmim.checkpoint.files import atomic_write, put_in_place, remove_checkpoint
from mmmim.checkpoint.sharded import CONTENT_FILE, EMPTY, Folder, Place, find_damage
from mmmim.engine.resumed_settings import optimizers
from mmmim.engine.sharding import GatherHook, ShardedDataParallel, is_divided
from mmmim.errors import RunFailed, UsageError

T = TypeVar("T")


def writes_shares(runner: Any) -> bool:
    """Return whether the checkpoints of a run are folders: its model is divided, and no hook gathers it."""
    if not isinstance(runner.model, ShardedDataParallel):
        return False
    return not any(isinstance(hook, GatherHook) for hook in runner.hooks)


def together(action: Callable[[], T]) -> T:
    """Return what ``action`` returns; if it fails on any process, all of them raise the error of the first."""
    result: T | None = None
    error: Exception | None = None
    try:
        result = action()
    except (OSError, UsageError, RunFailed) as caught:
        error = caught
    except Exception as caught:  # others may have arguments that cannot be sent
        error = RuntimeError(f"{type(caught).__name__}: {caught}")
    failed = next((each for each in all_gather_object(error) if each is not None), None)
    if failed is not None:
        raise failed
    return result  # type: ignore[return-value]


def write_shares(checkpoint: dict[str, Any], path: Path) -> None:
    """Write a checkpoint whose tensors are divided as a folder; all processes have to call it together.

    The folder has a temporary name until all processes have written their shares and the first one has read the files
    back, so that a process that is killed before that leaves an older folder of that name as it was.

    Raises:
        OSError: A process could not write; it is raised on all of them.
    """
    from torch.distributed import checkpoint as dcp

    temporary = path.with_name(f".{path.name}.new.tmp")
    together(lambda: _on_first(lambda: _make_empty(temporary)))
    try:
        writer = dcp.FileSystemWriter(temporary, sync_files=True)
        dcp.save(_divided(checkpoint), storage_writer=writer, planner=dcp.DefaultSavePlanner(flatten_state_dict=True))
    except dcp.CheckpointException as error:
        cause = next(iter(error.failures.values()))[0]
        together(lambda: _on_first(lambda: remove_checkpoint(temporary)))
        raise OSError(f"{path}: {type(cause).__name__}: {cause}") from None
    together(lambda: _on_first(lambda: _finish(checkpoint, temporary, path)))


def read_shares(path: Path, model: nn.Module, runner: Any) -> dict[str, Any]:
    """Return the checkpoint in a folder with this process' share of each tensor; all processes call it together.

    Args:
        model: The wrapped model, whose parameters say which share that is.
        runner: The Runner, if the state of its optimizers is to be read too, or None.
    """
    return together(lambda: _read(path, model, runner))


def _read(path: Path, model: nn.Module, runner: Any) -> dict[str, Any]:
    folder = Folder(path)
    params: dict[Place, Tensor] = {("state_dict", name): param for name, param in model.named_parameters()}
    for name, (wrapper, _) in (optimizers(runner) if runner is not None else {}).items():
        place = ("optimizer", *([name] if name else []), "state")
        every = (param for group in wrapper.optimizer.param_groups for param in group["params"])
        params |= {(*place, number): param for number, param in enumerate(every)}

    def target(place: Place, shape: Tensor) -> Tensor | None:
        if place[0] == "optimizer" and runner is None:
            return None
        param = params.get(place, params.get(place[:-1]))
        if param is not None and param.shape == shape.shape:
            return torch.empty_like(param, dtype=shape.dtype, requires_grad=False)
        return torch.empty_like(shape, device="cpu")

    return folder.read(target)


def _divided(content: Any) -> Any:
    """Return the divided tensors of a nested dict, nested as they were."""
    parts = {
        key: value if is_divided(value) else _divided(value)
        for key, value in content.items()
        if isinstance(value, dict) or is_divided(value)
    }
    return {key: value for key, value in parts.items() if is_divided(value) or value}


def _on_first(action: Callable[[], None]) -> None:
    if is_main_process():
        action()


def _make_empty(folder: Path) -> None:
    remove_checkpoint(folder)
    folder.mkdir(parents=True)


def _finish(checkpoint: dict[str, Any], temporary: Path, path: Path) -> None:
    from torch.distributed.tensor import DTensor

    with atomic_write(temporary / CONTENT_FILE) as file:
        torch.save(tree_map_only(DTensor, lambda _: EMPTY, checkpoint), file)
    if found := find_damage(temporary):
        remove_checkpoint(temporary)
        raise OSError(
            f"{path}: {found}; every process has to write to this folder, so on several nodes it has to be on a file "
            "system that they share, or custom_hooks=[dict(type='mmmim.GatherHook')] writes one file"
        )
    put_in_place(temporary, path)
