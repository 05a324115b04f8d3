"""The Runner for a :class:`ShardedDataParallel`: only the first process' host memory holds the whole model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import get_rank
from mmengine.model import base_module, convert_sync_batchnorm, is_model_wrapper, weight_init
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mmmim.checkpoint.reader import is_checkpoint, read_file
from mmmim.checkpoint.sharded import is_sharded_folder
from mmmim.engine.internals import Collected, collect_checkpoint, use_checkpoint
from mmmim.engine.resumed_settings import optimizers
from mmmim.engine.sharded_checkpoint import read_shares, together, write_shares, writes_shares
from mmmim.engine.sharding import divide_moments
from mmmim.launch.building import CheckedRunner
from mmmim.registry import MODEL_WRAPPERS, MODELS


class ShardedRunner(CheckedRunner):
    """MMEngine's Runner with the methods replaced that put the whole model, or a checkpoint, on each device.

    The first process builds the model in its host memory, the others build only shapes. :class:`ShardedDataParallel`
    then divides it unit by unit, so the values are those of an unsharded run.
    """

    _collects = False  # whether a checkpoint is being collected for a folder
    _resumes = False

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

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """Write a checkpoint; without a ``GatherHook`` all processes write their shares of it to a folder."""
        if not writes_shares(self):
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        collected = together(lambda: self._collect(out_dir, filename, *args, **kwargs))
        write_shares(collected, Path(out_dir, filename))

    def _collect(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return what MMEngine would write, with the divided tensors as they are."""
        self._collects = True
        try:
            with self.model.shares():
                collect_checkpoint(self, *args, **kwargs)
        except Collected as collected:
            return collected.checkpoint
        finally:
            self._collects = False
        raise AssertionError("MMEngine's Runner no longer calls before_save_checkpoint")

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        super().call_hook(fn_name, **kwargs)
        if fn_name == "before_save_checkpoint" and self._collects:
            raise Collected(kwargs["checkpoint"])

    def resume(self, filename: str, *args: Any, map_location: Any = "default", **kwargs: Any) -> None:
        """Read the checkpoint into host memory, as with its moments it is three times as large as the model.

        Of a folder, each process reads its share; of a file, the others leave on disk what the first one gives them.
        """
        for wrapper, _ in optimizers(self).values():
            wrapper.optimizer.register_load_state_dict_pre_hook(divide_moments)
        self._resumes = True
        location = "cpu" if map_location == "default" else map_location
        super().resume(filename, *args, map_location=location, **kwargs)

    def load_checkpoint(self, filename: str, map_location: Any = "cpu", strict: bool = False, **kwargs: Any) -> Any:
        """Load the weights of a checkpoint, and return its content, with the optimizer's state where a run resumes."""
        if not is_model_wrapper(self.model) or not is_checkpoint(filename):
            return super().load_checkpoint(filename, map_location, strict, **kwargs)
        if is_sharded_folder(filename):
            content = read_shares(Path(filename), self.model.module, self if self._resumes else None)
        else:
            content = together(lambda: read_file(filename, map_location, mmap=get_rank() > 0))
        self.logger.info(f"Load checkpoint from {filename}")
        return use_checkpoint(self, content, strict, **kwargs)


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
