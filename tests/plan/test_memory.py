from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import Tensor

from mmmim.plan.memory import build_without_storage, step_memory
from mmmim.registry import MODELS

ROOT = Path(__file__).parents[2]


def small(**changes: Any) -> Config:
    cfg = Config.fromfile(ROOT / "configs/ccmim/vit-tiny_toy.py")
    cfg.merge_from_dict({"optim_wrapper.optimizer.lr": 1e-3, **changes})
    return cfg


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["ccmim/vit-tiny_toy.py", "mae/vit-tiny_toy.py"])
def test_counted_memory_is_that_of_a_real_step(name: str, precision: torch.dtype) -> None:
    """On the CPU; tests/plan/test_memory_cuda.py counts by hand what a CUDA device keeps."""
    with DefaultScope.overwrite_default_scope("mmmim"):
        cfg = Config.fromfile(ROOT / "configs" / name)
        counted = step_memory(build_without_storage(cfg), cfg, 8, (3, 64, 64), precision, device_type="cpu")

        model = MODELS.build(cfg.model).train()
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    model.set_step(0, 0)
    own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage()._cdata not in own:
            kept.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    images = torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=images), training=True)
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        losses = model(**data, mode="loss")
    real = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    assert counted.activations == pytest.approx(real, rel=0.02)

    wrapper.backward(model.parse_losses(losses)[0])
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    wrapper.step()
    assert counted.gradients == sum(g.numel() * g.element_size() for g in gradients)
    state = [t for s in wrapper.optimizer.state.values() for t in s.values() if isinstance(t, Tensor)]
    assert counted.optimizer == sum(t.numel() * t.element_size() for t in state)


def test_memory_grows_with_the_batch_and_shrinks_with_checkpointing() -> None:
    def activations(batch: int, **changes: Any) -> int:
        with DefaultScope.overwrite_default_scope("mmmim"):
            cfg = small(**changes)
            size = step_memory(build_without_storage(cfg), cfg, batch, (3, 64, 64), torch.float32).activations
        assert size is not None
        return size

    assert activations(64) == pytest.approx(2 * activations(32), rel=0.05)
    assert activations(64, **{"model.backbone.with_cp": True}) < 0.7 * activations(64)
