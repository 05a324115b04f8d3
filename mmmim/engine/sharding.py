"""Fully sharded data parallelism: parameters, gradients and moments are divided among the processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.model import BaseDataPreprocessor
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.distributed import fsdp
from torch.optim import Optimizer
from torch.utils._pytree import tree_map

from mmmim.engine.optim.wrappers import wrappers_of
from mmmim.errors import UsageError
from mmmim.registry import HOOKS, MODEL_WRAPPERS


def find_units(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Return the modules whose class has one of ``names``, in the order of the model."""
    classes = {type(module).__name__ for module in model.modules()}
    if missing := [name for name in names if name not in classes]:
        blocks = sorted(name for name in classes if name.endswith(("Block", "Layer")))
        raise UsageError(f"units={tuple(names)}: the model has no module of class {missing[0]!r}, but {blocks}")
    return [module for module in model.modules() if type(module).__name__ in names]


def is_sharded(wrapper: dict[str, Any] | None) -> bool:
    """Return whether a config's ``model_wrapper_cfg`` asks for a :class:`ShardedDataParallel`."""
    return str((wrapper or {}).get("type", "")).rpartition(".")[2] == "ShardedDataParallel"


def put_on_device(part: nn.Module, device: torch.device) -> nn.Module:
    """Copy the first process' values of ``part`` to ``device``, for all tensors that are not divided yet.

    The values of the other processes do not matter: their tensors may be on the meta device. ``nn.Module.to_empty``
    would give every module a copy of its own of a tensor that two of them share.
    """
    placed: dict[int, Tensor] = {}  # a tensor that two modules share stays a single tensor
    for module in part.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None and not is_divided(tensor):
                    if id(tensor) not in placed:
                        placed[id(tensor)] = _with_first_values(tensor, device)
                    tensors[name] = placed[id(tensor)]  # type: ignore[assignment]
        if isinstance(module, BaseDataPreprocessor):
            module._device = device  # the device to which it moves batches, which `.to` would have set
    return part


def _with_first_values(tensor: Tensor, device: torch.device) -> Tensor:
    values = torch.empty_like(tensor, device=device) if tensor.is_meta else tensor.detach().to(device)
    dist.broadcast(values, 0)
    if not tensor.is_meta:
        tensor.data = values
        return tensor
    return nn.Parameter(values, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else values


@MODEL_WRAPPERS.register_module()
class ShardedDataParallel(nn.Module):
    """A model wrapper for use instead of DDP: PyTorch's ``fully_shard`` (FSDP2) of each unit, then of the rest.

    A process holds its share of each parameter, gradient and moment; a unit's parameters are gathered while it runs.
    Gradients are averaged over the processes, as DDP does. A checkpoint is a folder to which each process writes its
    share; with a :class:`GatherHook` it is an ordinary file.

    The model is moved to the device and divided unit by unit, so that the device never holds all of it, provided that
    it is not on the device before; :class:`ShardedRunner` ensures this.

    Args:
        module: The model. The first process' values count, those of the others may be on the meta device.
        units: Class names of the modules that are gathered one at a time: ``('SwinV2Block',)``.
    """

    def __init__(self, module: nn.Module, units: Sequence[str]) -> None:
        super().__init__()
        parts = find_units(module, units)
        device = torch.device(get_device())
        self.module: Any = module
        self.parts: list[Any] = [fsdp.fully_shard(put_on_device(part, device)) for part in (*parts, module)]
        self.gathered: dict[str, Tensor] | None = None
        self._shows_shares = False
        # torch sets an attribute of the function, which a method does not allow
        module.register_state_dict_post_hook(lambda *each: self._full_state(*each))
        for part in module.modules():
            part.register_load_state_dict_pre_hook(_divide_state)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Train on a batch, as MMEngine's ``BaseModel`` does, and return the losses to log."""
        with optim_wrapper.optim_context(self):
            losses = self._run(self.module.data_preprocessor(data, training=True), "loss")
        loss, log_vars = self.module.parse_losses(losses)
        optim_wrapper.update_params(loss)
        return log_vars

    def val_step(self, data: Any) -> list:
        """Return the predictions for a batch; ``test_step`` is the same."""
        return self._run(self.module.data_preprocessor(data, False), "predict")

    test_step = val_step

    def _run(self, data: Any, mode: str) -> Any:
        return self(**data, mode=mode) if isinstance(data, dict) else self(*data, mode=mode)

    @contextmanager
    def shares(self) -> Iterator[None]:
        """Leave the tensors of the wrapped model's state dict divided while the block runs."""
        self._reshard()
        self._shows_shares = True
        try:
            yield
        finally:
            self._shows_shares = False

    @contextmanager
    def whole_outside_units(self) -> Iterator[None]:
        """Gather what lies outside of the units while the block runs, so that parts of the model can be called.

        All processes have to call the same parts as often. Units gather themselves when they are called.
        """
        self.parts[-1].unshard()
        try:
            yield
        finally:
            self._reshard()

    def _reshard(self) -> None:
        for part in self.parts:  # the part that ran last may still be whole, as the model is after a validation
            part.reshard()

    def gather(self) -> None:
        """Keep the full parameters on the CPU of the first process; all processes have to call it together."""
        self.gathered = None
        self._reshard()
        state = gathered(dict(self.module.named_parameters()))
        self.gathered = state if dist.get_rank() == 0 else None

    def _full_state(self, module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
        """Make the wrapped model's state dict full: from all processes together, or from what ``gather`` kept."""
        if self._shows_shares:
            return
        for name in [name for name, value in state.items() if is_divided(value)]:
            state[name] = state[name].full_tensor() if self.gathered is None else self.gathered[name]


def callable_parts(model: nn.Module) -> AbstractContextManager[None]:
    """Return a context in which parts of a model, such as its encoder, can be called, sharded or not."""
    return model.whole_outside_units() if isinstance(model, ShardedDataParallel) else nullcontext()


@HOOKS.register_module()
class GatherHook(Hook):
    """A hook by which checkpoints of a :class:`ShardedDataParallel` are ordinary files, gathered on the first process.

    MMEngine lets only the first process store a checkpoint, but all processes have to take part in gathering.
    """

    def __init__(self) -> None:
        self.moments: dict[Optimizer, Any] = {}

    def before_run(self, runner: Any) -> None:
        if isinstance(runner.model, ShardedDataParallel):
            for optimizer in _optimizers(runner):
                optimizer.register_state_dict_post_hook(lambda each, state: self.moments.get(each, state))

    def before_checkpoint(self, runner: Any) -> None:
        """Gather model and optimizers; ``SafeCheckpointHook`` calls it on every rank before it saves."""
        if isinstance(runner.model, ShardedDataParallel):
            self._forget(runner)
            runner.model.gather()
            for optimizer in _optimizers(runner):
                state = gathered(optimizer.state_dict())
                if dist.get_rank() == 0:
                    self.moments[optimizer] = state

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._forget(runner)

    def after_train(self, runner: Any) -> None:
        self._forget(runner)

    def _forget(self, runner: Any) -> None:
        self.moments.clear()
        if isinstance(runner.model, ShardedDataParallel):
            runner.model.gathered = None


def gathered(state: Any) -> Any:
    """Return ``state`` with full tensors on the CPU of the first process, and None in their place on the others."""
    keeps = dist.get_rank() == 0

    def gather(value: Any) -> Any:
        if not is_divided(value):
            return value
        whole = value.detach().full_tensor()
        return whole.cpu() if keeps else None

    return tree_map(gather, state)


def is_divided(value: Any) -> bool:
    """Return whether ``value`` is a tensor of which each process holds a share."""
    return hasattr(value, "full_tensor")


def _own_share(value: Any, param: Tensor) -> Any:
    """Return this process' share of a full tensor of a parameter's shape; other values are returned unchanged."""
    if not isinstance(value, Tensor) or is_divided(value) or value.shape != param.shape or not is_divided(param):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(param.device), param.device_mesh, param.placements)  # type: ignore[attr-defined]


def _divide_state(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, param in module.named_parameters(recurse=False):
        if prefix + name in state:
            state[prefix + name] = _own_share(state[prefix + name], param)


def divide_moments(optimizer: Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """Return an optimizer's state with this process' shares of the moments; an optimizer's hook before it loads."""
    params = [param for group in optimizer.param_groups for param in group["params"]]
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    divided = {
        number: {key: _own_share(value, param) for key, value in state["state"][number].items()}
        for number, param in zip(numbers, params, strict=True)
        if number in state["state"]
    }
    return {**state, "state": divided}


def _optimizers(runner: Any) -> list[Optimizer]:
    return [wrapper.optimizer for wrapper in wrappers_of(runner.optim_wrapper)]
