"""Count the memory of a training step without running it, with tensors that have shapes but no storage."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from mmmim.plan.cuda_shapes import cuda_rules
from mmmim.registry import MODELS

HOST_SCOPES = ("mmseg", "mmdet")
# Settings of a group of parameters that do not change the size of their optimizer states.
SETTINGS_WITHOUT_SIZE = ("params", "param_names", "lr", "initial_lr", "base_lr", "lr_scale", "weight_decay")


@dataclass(frozen=True)
class StepMemory:
    """The bytes per process; ``activations`` are the tensors that autograd keeps for the backward pass."""

    parameters: int
    gradients: int
    optimizer: int
    activations: int | None
    counted: str  # what the activations include, or why they are None

    @property
    def total(self) -> int:
        """Return the sum of all bytes; activations that are not counted are left out."""
        return self.parameters + self.gradients + self.optimizer + (self.activations or 0)


def build_without_storage(cfg: Config) -> nn.Module:
    """Return the model of ``cfg`` on the meta device; it is built on the CPU if building it needs values."""
    try:
        with torch.device("meta"):
            return MODELS.build(cfg.model)
    except (RuntimeError, NotImplementedError, TypeError):
        return MODELS.build(cfg.model).to("meta")


def step_memory(
    model: nn.Module,
    cfg: Config,
    batch_size: int,
    image_shape: tuple[int, ...] | None,
    precision: torch.dtype,
    device_type: str = "cuda",
) -> StepMemory:
    """Return the memory of a training step of ``batch_size`` images ``(C, H, W)``, from a forward pass of fake tensors.

    ``device_type`` decides which operators autocast computes in ``precision``; no such device is needed. Temporary
    buffers of single operators, the allocator's reserve and the buckets of data-parallel processes are not counted.
    """
    with fake_copy(model) as fake:
        parameters = _bytes(fake.parameters()) + _bytes(fake.buffers())
        trainable = [p for p in fake.parameters() if p.requires_grad]
        optimizer = _optimizer_bytes(fake, cfg)
    if image_shape is None:
        activations, counted = None, "not counted: the image size is unknown without the data"
    else:
        with fake_copy(model, device_type) as fake:
            activations, counted = _activation_bytes(fake, cfg, batch_size, image_shape, precision, device_type)
    return StepMemory(parameters, _bytes(trainable), optimizer, activations, counted)


class ValuesReadAsZero(TorchDispatchMode):
    """A mode in which the values of tensors without storage read as 0, so that ``if x.isnan().any()`` finds nothing.

    Pinning such a tensor for a transfer returns the tensor itself.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            return 0.0 if args[0].dtype.is_floating_point else 0
        if func is torch.ops.aten._pin_memory.default:
            return args[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def fake_copy(model: nn.Module, device_type: str = "cpu") -> Iterator[nn.Module]:
    """Give a copy of ``model`` whose tensors have shapes but no storage, so that operators compute only shapes."""
    model = copy.deepcopy(model)
    device = torch.device(device_type)
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device=device)
        for module in model.modules():
            if isinstance(module, BaseDataPreprocessor):
                module.to(device)  # so that it moves batches there
            if hasattr(module, "loaded"):  # tokenizers and palettes read their files when they are first needed
                vars(module)["loaded"] = True
        yield model


def _bytes(tensors: Iterable[Any]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if isinstance(tensor, Tensor))


def _optimizer_bytes(model: nn.Module, cfg: Config) -> int:
    """Return the size of the states after one update; parameters of equal shape and group settings count as equal."""
    wrapper = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    return sum(_state_bytes(part.optimizer) for part in wrappers)


def _state_bytes(optimizer: Optimizer) -> int:
    alike: dict[str, list[nn.Parameter]] = {}
    for group in optimizer.param_groups:
        group.update({key: False for key in ("fused", "foreach") if key in group})
        kind = sorted((key, repr(value)) for key, value in group.items() if key not in SETTINGS_WITHOUT_SIZE)
        for parameter in group["params"]:
            if parameter.requires_grad:
                alike.setdefault(f"{parameter.shape} {parameter.dtype} {kind}", []).append(parameter)
    for first, *_ in alike.values():
        first.grad = torch.empty_like(first)
    optimizer.step()
    total = sum(_bytes(optimizer.state[first].values()) * (1 + len(others)) for first, *others in alike.values())
    for first, *_ in alike.values():
        first.grad = None
    return total


def _activation_bytes(
    model: Any,
    cfg: Config,
    batch_size: int,
    image_shape: tuple[int, ...],
    precision: torch.dtype,
    device_type: str,
) -> tuple[int | None, str]:
    images = torch.zeros(batch_size, *image_shape, dtype=torch.uint8)
    try:
        with kept_for_backward(model, precision, device_type) as kept:
            counted = _forward(model.train(), cfg, images)
    except Exception as error:  # an operator without a fake version, or one that looks at values
        return None, f"not counted: {type(error).__name__} in a forward pass without storage"
    size = f"{batch_size} images {'x'.join(map(str, image_shape))}"
    return kept.bytes, f"{counted}, {size}, {str(precision)[6:]} on {device_type}"


class Kept:
    """The storages that autograd saves for the backward pass, without those of the model itself."""

    def __init__(self, model: nn.Module) -> None:
        self.own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
        self.tensors: dict[int, Tensor] = {}

    def keep(self, tensor: Tensor) -> Tensor:
        """Record a saved tensor and return it; autograd calls it as its pack hook."""
        if tensor.untyped_storage()._cdata not in self.own:
            self.tensors.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    @property
    def bytes(self) -> int:
        """Return the size of all recorded storages."""
        return sum(tensor.untyped_storage().nbytes() for tensor in self.tensors.values())


@contextmanager
def kept_for_backward(model: nn.Module, precision: torch.dtype, device_type: str = "cuda") -> Iterator[Kept]:
    """Record what forward passes inside the block keep, for a :func:`fake_copy` under the autocast of the device."""
    kept, mixed = Kept(model), precision != torch.float32
    with (
        cuda_rules() if device_type == "cuda" else nullcontext(),
        ValuesReadAsZero(),
        torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda tensor: tensor),
        torch.autocast(device_type, precision if mixed else None, enabled=mixed),
    ):
        yield kept


def _forward(model: Any, cfg: Config, images: Tensor) -> str:
    if cfg.get("default_scope") in HOST_SCOPES:
        model.extract_feat(images.float().to(next(model.parameters()).device))
        return "tensors kept for backward by backbone and neck (heads not counted)"
    training_losses(model, images)
    return "tensors kept for backward"


def training_losses(model: Any, images: Tensor) -> dict[str, Tensor]:
    """Return the losses of the first training step, with every label 0."""
    if hasattr(model, "set_step"):
        model.set_step(0, 0)
    batch = dict(inputs=images, labels=torch.zeros(len(images), dtype=torch.long), indices=torch.arange(len(images)))
    return model(**model.data_preprocessor(batch, training=True), mode="loss")
