"""Budgets of a lean training step of ViT-B: FLOPs (of one image's encoder forward) and memory kept for the backward."""

import pytest
import torch
from mmengine import Config
from torch.utils.flop_counter import FlopCounterMode

from mmmim.registry import MODELS

ENCODER_FORWARD = 2 * 17.56e9  # FLOPs of ViT-B/16 on one image of 224 pixels


def build(config: str, device: str):
    settings = Config.fromfile(config).model
    settings.type = "mmmim." + settings.type
    with torch.device(device):
        return MODELS.build({**settings, "data_preprocessor": None, "_scope_": "mmmim"}).train()


@pytest.mark.parametrize(
    ("config", "budget"),
    [
        ("configs/ccmim/vit-b_800e.py", 2.59),
        ("configs/ccmim/vit-b_official_800e.py", 3.27),
        ("configs/mae/vit-b_800e.py", 1.66),
    ],
)
def test_flops_of_a_step(config: str, budget: float) -> None:
    model = build(config, "meta")
    images = torch.empty(2, 3, 224, 224, device="meta")
    with FlopCounterMode(display=False) as counter:
        losses = model(images, mode="loss")
        sum(value for key, value in losses.items() if "loss" in key).backward()
    assert counter.get_total_flops() / 2 / ENCODER_FORWARD <= budget


def test_flops_of_a_step_of_conmim() -> None:
    """Both encoders and heads on all tokens, 4 (17.56 + 4.13) GMAC: nothing more, and nothing left out."""
    model = build("configs/_base_/models/conmim_vit-b.py", "meta")
    model.views = lambda images: (images, images)  # the strong view chooses its images on the host
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(2, 3, 224, 224, device="meta"), mode="loss")["loss_contrast"].backward()
    assert counter.get_total_flops() / 2 == pytest.approx(2 * 4 * (17.56e9 + 4.13e9), rel=0.01)


@pytest.mark.parametrize(
    ("config", "megabytes"), [("configs/ccmim/vit-b_800e.py", 47), ("configs/mae/vit-b_800e.py", 85)]
)
def test_memory_kept_for_the_backward_pass(config: str, megabytes: float) -> None:
    model = build(config, "cpu")
    weights = {p.untyped_storage()._cdata for p in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage
        return tensor

    images = torch.randn(2, 3, 224, 224)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        losses = model(images, mode="loss")
    assert losses and sum(s.nbytes() for s in kept.values()) / 2 / 1e6 <= megabytes
