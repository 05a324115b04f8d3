"""A training step on CUDA tensors without values: nothing mixes devices, and the host never waits for the device."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_cuda import HostSync, on_fake_cuda
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException

from mmmim.engine.hooks.nonfinite import total_norm
from mmmim.engine.loss_buffer import LossBuffer
from mmmim.launch.options import load_config
from mmmim.launch.prepare import Settings, prepare
from mmmim.models.degradations import build_degradation
from mmmim.plan.dry_run import image_shape
from mmmim.registry import MODELS

ROOT = Path(__file__).parents[2]
TOYS = sorted(ROOT.glob("configs/*/*_toy.py"))
BATCH = 4


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope("mmmim"):
        yield


def check_step(config: Path, folder: Path, amp: str | None = None) -> None:
    """Take the step of a config up to the backward pass, which needs a device, and its update with gradients given."""
    cfg = prepare(load_config(str(config), {}, str(folder)), Settings(amp=amp)).cfg
    model: Any = MODELS.build(cfg.model)
    model.init_weights()
    shape = image_shape(model, cfg)
    assert shape is not None
    labels = torch.zeros(BATCH, dtype=torch.long)
    batch = dict(inputs=torch.zeros(BATCH, *shape, dtype=torch.uint8), labels=labels, indices=torch.arange(BATCH))
    with on_fake_cuda(model) as fake:
        wrapper = build_optim_wrapper(fake, copy.deepcopy(cfg.optim_wrapper))
        fake.train()
        if hasattr(fake, "set_step"):
            fake.set_step(0, 3)
        with wrapper.optim_context(fake):
            _, logged = fake.parse_losses(fake(**fake.data_preprocessor(batch, True), mode="loss"))
        assert {name: value.device.type for name, value in logged.items()} == dict.fromkeys(logged, "cuda")
        LossBuffer().append(3, logged)
        trained = [parameter for parameter in fake.parameters() if parameter.requires_grad]
        for parameter in trained:
            parameter.grad = torch.empty_like(parameter)
        wrapper.step()
        wrapper.zero_grad()
        total_norm(trained)
        if hasattr(target := getattr(fake, "target_generator", None), "update"):
            target.update()


@pytest.mark.parametrize("config", TOYS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_step_of_toy_config(config: Path, tmp_path: Path) -> None:
    check_step(config, tmp_path)


@pytest.mark.parametrize("method", ["conmim", "mae", "cim"])
def test_step_in_bfloat16(method: str, tmp_path: Path) -> None:
    check_step(next(path for path in TOYS if path.parent.name == method), tmp_path, "bf16")


DEGRADATIONS: list[dict[str, Any]] = [
    dict(type="ZoomIn", size=32, location="random"),
    dict(type="ZoomOut", choices=[16, 32], pad="other"),
    dict(type="SaturationScale", mode="luma"),
    dict(type="SaturationScale", mode="random_gray"),
    dict(type="PhotometricView"),
]


@pytest.mark.parametrize("config", DEGRADATIONS, ids=lambda config: "-".join(map(str, config.values())))
def test_other_degradations(config: dict[str, Any]) -> None:
    degradation = build_degradation(dict(config), mean=(128.0,) * 3, std=(64.0,) * 3)
    with on_fake_cuda(degradation) as fake:
        images = torch.zeros(BATCH, 3, 64, 64, device="cuda")
        generator = torch.Generator().manual_seed(0)
        assert fake(images, **fake.sample((64, 64), BATCH, generator=generator, device="cuda")).shape == images.shape


MASKERS: list[dict[str, Any]] = [
    dict(type="RandomMasker", mask_ratio=0.5, cell_size=16),
    dict(type="BlockMasker", mask_ratio=0.4, patience=10),
    dict(type="SquareMasker", side=3),
    dict(type="CenterMasker", keep=4),
    dict(type="RandomMasker", num_masked=(10, 20)),
]


@pytest.mark.parametrize("config", MASKERS, ids=lambda config: "-".join(map(str, config.values())))
def test_all_maskers(config: dict[str, Any]) -> None:
    masker = MODELS.build(dict(config, patch_size=8))
    with on_fake_cuda(nn.Identity()):
        generator = torch.Generator().manual_seed(0)
        mask = masker((8, 8), BATCH, images=torch.zeros(BATCH, 3, 64, 64), generator=generator, device="cuda")
        assert mask.visible.device.type == mask.mask.device.type == "cuda"


def test_what_waits_is_found() -> None:
    with on_fake_cuda(nn.Linear(2, 2)) as fake:
        x = torch.ones(3, 2, device="cuda")
        fake(x)
        with pytest.raises(DataDependentOutputException):
            x.sum().item()
        with pytest.raises(DynamicOutputShapeException):
            x[x > 0]
        for copies in (lambda: x.cpu(), lambda: torch.ones(2).to("cuda"), lambda: torch.tensor([1.0], device="cuda")):
            with pytest.raises(HostSync):
                copies()
        with pytest.raises(RuntimeError, match="device"):
            fake(torch.ones(3, 2))
        assert torch.ones(2).to("cuda", non_blocking=True).device.type == "cuda"
        assert torch.rand(2).tolist()  # the host's values are there
