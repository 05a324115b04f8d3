"""CUDA without a device: host work is done, tensors on the device have shapes only, and every wait for it raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmmim.plan.cuda_shapes import cuda_rules
from mmmim.plan.memory import fake_copy


class HostSync(RuntimeError):
    """An operation that makes the host wait for the device."""


class RealHost(TorchFunctionMode):
    """Runs what concerns the host alone with real tensors, so that its values can be read."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(map(_is_on_device, tree_leaves((args, kwargs)))):
            return func(*args, **(kwargs or {}))
        with unset_fake_temporarily():
            return func(*args, **(kwargs or {}))


class NoHostSync(TorchDispatchMode):
    """Refuses copies for which the host has to wait; FakeTensorMode itself refuses to read values."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
            source = args[1] if func is torch.ops.aten.copy_.default else args[0]
            waits = not (args[2] if len(args) > 2 else kwargs.get("non_blocking", False))
            crosses = isinstance(out, Tensor) and out.device.type != source.device.type
            if crosses and (waits or out.device.type == "cpu"):
                raise HostSync(f"{func} from {source.device} to {out.device}")
        return out


def _is_on_device(leaf: Any) -> bool:
    if isinstance(leaf, Tensor):
        return isinstance(leaf, FakeTensor)
    return isinstance(leaf, (str, torch.device)) and str(leaf).startswith("cuda")


@contextmanager
def on_fake_cuda(model: nn.Module) -> Iterator[Any]:
    """Give a copy of ``model`` on a CUDA device that need not be there, with tensors without values."""
    with (
        patch.object(Tensor, "pin_memory", lambda tensor: tensor),
        fake_copy(model, "cuda") as fake,
        cuda_rules(),
        NoHostSync(),
        RealHost(),
    ):
        yield fake
