"""The Runner for a :class:`ShardedDataParallel`: only the first process' host memory holds the whole model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import get_rank
from mmengine.model import base_module, convert_sync_batchnorm, is_model_wrapper, weight_init
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mmmim.launch.building import CheckedRunner
from mmmim.registry import MODEL_WRAPPERS, MODELS


class ShardedRunner(CheckedRunner):
    """MMEngine's Runner with the four methods replaced that put the whole model, or a checkpoint, on each device.

    The first process builds the model in its host memory, the others build only shapes. :class:`ShardedDataParallel`
    then divides it unit by unit, so the values are those of an unsharded run.
    """

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        if isinstance(model, nn.Module) or get_rank() == 0:
            return super().build_model(model)
        return build_shapes(model)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> Any:
        if not self.distributed or model_wrapper_cfg is None or is_model_wrapper(model):
            return super().wrap_model(model_wrapper_cfg, model)
        if (kind := self.cfg.get("sync_bn")) is not None:
            model = convert_sync_batchnorm(model, kind)
        return MODEL_WRAPPERS.build(model_wrapper_cfg, default_args=dict(module=model))

    def _init_model_weights(self) -> None:
        """Load what the config's ``init_cfg`` names, without MMEngine's broadcast of the whole state."""
        if not is_model_wrapper(self.model):
            super()._init_model_weights()
        elif hasattr(self.model.module, "init_weights"):
            with _no_record_of_changes():
                self.model.module.init_weights()
            for buffer in self.model.module.buffers():
                dist.broadcast(buffer, 0)

    def resume(self, filename: str, *args: Any, map_location: Any = "default", **kwargs: Any) -> None:
        """Read the checkpoint into host memory, as with its moments it is three times as large as the model."""
        location = "cpu" if map_location == "default" else map_location
        super().resume(filename, *args, map_location=location, **kwargs)


@contextmanager
def _no_record_of_changes() -> Iterator[None]:
    """Leave out MMEngine's record of who set which parameter, for which torch < 2.12 cannot compare sharded tensors."""
    users: tuple[Any, ...] = (base_module, weight_init)
    original = weight_init.update_init_info
    for user in users:
        user.update_init_info = lambda *args, **kwargs: None
    try:
        yield
    finally:
        for user in users:
            user.update_init_info = original


def build_shapes(model: dict) -> nn.Module:
    """Return the model of a config on the meta device, or with values if building it needs them."""
    try:
        with torch.device("meta"):
            shapes = MODELS.build(model)
    except (RuntimeError, NotImplementedError, TypeError):
        return MODELS.build(model)
    return MODELS.build(model) if any(map(_holds_other_tensors, shapes.modules())) else shapes


def _holds_other_tensors(module: nn.Module) -> bool:
    """Return whether tensors on the meta device are kept where ``parameters`` and ``buffers`` do not find them."""
    others = [value for name, value in vars(module).items() if name not in ("_parameters", "_buffers", "_modules")]
    return any(isinstance(leaf, Tensor) and leaf.is_meta for leaf in tree_leaves(others))
