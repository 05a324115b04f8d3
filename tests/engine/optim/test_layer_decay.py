from __future__ import annotations

import pytest
import torch
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmmim.engine.optim import LayerDecayOptimWrapperConstructor

DEPTH, RATE, LR, DECAY = 3, 0.5, 1e-2, 0.05


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 4, 2)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 4))
        self.pos_embed = nn.Parameter(torch.zeros(1, 5, 4))
        blocks = [nn.ModuleDict(dict(norm=nn.LayerNorm(4), fc=nn.Linear(4, 4))) for _ in range(DEPTH)]
        self.blocks = nn.ModuleList(blocks)
        blocks[0].register_parameter("relative_position_bias_table", nn.Parameter(torch.zeros(9, 2)))
        self.norm = nn.LayerNorm(4)

    def get_layer_depth(self, name: str, prefix: str = "") -> tuple[int, int]:
        name = name.removeprefix(prefix)
        if name.startswith("blocks."):
            return int(name.split(".")[1]) + 1, DEPTH + 2
        return (DEPTH + 1 if name.startswith("norm.") else 0), DEPTH + 2


class Dense(BaseModel):
    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in {"backbone": Encoder(), "head": nn.Conv2d(4, 4, 2), **children}.items():
            self.add_module(name, child)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        return inputs


def build(model: nn.Module, optimizer: dict | None = None, **paramwise) -> torch.optim.Optimizer:
    optimizer = optimizer or dict(type="AdamW", lr=LR, weight_decay=DECAY)
    paramwise = {"layer_decay_rate": RATE, **paramwise}
    return LayerDecayOptimWrapperConstructor(dict(optimizer=optimizer), paramwise)(model).optimizer


def settings(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, tuple[float, float]]:
    """name -> (lr, weight decay), each parameter exactly once."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    listed = [
        (names[id(parameter)], (group["lr"], group["weight_decay"]))
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    assert len(listed) == len(dict(listed))
    return dict(listed)


def test_every_parameter_gets_its_layer_s_rate_and_its_kind_s_decay() -> None:
    model = Dense()
    found = settings(model, build(model))
    expected = {}
    for name, parameter in model.named_parameters():
        layer = DEPTH + 1
        if name.startswith("backbone."):
            layer, _ = model.backbone.get_layer_depth(name, "backbone.")
        listed = any(key in name for key in ("pos_embed", "cls_token", "relative_position_bias_table"))
        decay = 0.0 if parameter.ndim == 1 or listed else DECAY
        expected[name] = (pytest.approx(LR * RATE ** (DEPTH + 1 - layer)), decay)
    assert found == expected
    assert found["backbone.patch_embed.weight"] == (pytest.approx(LR / 16), DECAY)
    assert found["backbone.blocks.2.fc.weight"] == (pytest.approx(LR / 2), DECAY)
    assert found["head.weight"] == (LR, DECAY)


def test_groups_are_merged_and_rise_with_the_layer() -> None:
    groups = build(Dense()).param_groups
    assert [group["group_name"] for group in groups] == [
        f"layer_{layer}_{kind}" for layer in range(DEPTH + 2) for kind in ("no_decay", "decay")
    ]
    for group in groups:
        assert group["lr"] == pytest.approx(LR * group["lr_scale"])
    decaying = [group["lr"] for group in groups if group["weight_decay"]]
    assert decaying == sorted(set(decaying)) and len(decaying) == DEPTH + 2


def test_a_head_may_name_its_layers_like_the_backbone() -> None:
    model = Dense(head=Encoder())
    found = settings(model, build(model))
    assert {found[name][0] for name in found if name.startswith("head.")} == {LR}


def test_frozen_and_tied_parameters() -> None:
    model = Dense(second=nn.Conv2d(4, 4, 2))
    model.second.weight = model.head.weight
    model.backbone.patch_embed.requires_grad_(False)
    found = settings(model, build(model))
    assert "backbone.patch_embed.weight" not in found and "second.weight" not in found
    assert set(found) == {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_decay_switches() -> None:
    model = Dense()
    found = settings(model, build(model, decay_tokens=True, decay_rel_pos=True))
    assert found["backbone.pos_embed"][1] == found["backbone.cls_token"][1] == DECAY
    assert found["backbone.blocks.0.relative_position_bias_table"][1] == DECAY
    assert found["backbone.blocks.0.norm.weight"][1] == 0


@pytest.mark.parametrize("decays", [False, True])
def test_relative_positions_of_swin_v2(decays: bool) -> None:
    """SimMIM's pre-training decays them, its fine-tuning does not; the bias of the MLP stays out either way."""
    attention = nn.Module()
    attention.logit_scale = nn.Parameter(torch.zeros(2, 1, 1))
    attention.cpb_mlp = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2, bias=False))
    attention.q_bias, attention.qkv = nn.Parameter(torch.zeros(4)), nn.Linear(4, 12, bias=False)
    model = Dense(backbone=nn.ModuleDict(dict(attn=attention)))
    found = settings(model, build(model, layer_decay_rate=1.0, decay_rel_pos=decays))
    decayed = {name.removeprefix("backbone.attn.") for name in found if found[name][1] and "attn" in name}
    assert decayed == {"qkv.weight"} | ({"logit_scale", "cpb_mlp.0.weight", "cpb_mlp.2.weight"} if decays else set())


def test_custom_keys_replace_only_what_they_give() -> None:
    model = Dense()
    keys = {"blocks": dict(lr_mult=3.0), "blocks.1": dict(decay_mult=0.5), "pos_embed": dict(decay_mult=1.0)}
    found = settings(model, build(model, custom_keys=keys))
    assert found["backbone.blocks.0.fc.weight"] == (pytest.approx(3 * LR), DECAY)
    assert found["backbone.blocks.1.fc.weight"] == (pytest.approx(LR / 4), DECAY / 2)  # the longest key alone
    assert found["backbone.blocks.1.fc.bias"] == (pytest.approx(LR / 4), DECAY / 2)
    assert found["backbone.pos_embed"] == (pytest.approx(LR / 16), DECAY)


def test_backbone_key_reaches_into_wrappers() -> None:
    model = Dense(backbone=nn.Identity(), wrapper=nn.ModuleDict(dict(enhancer=Encoder())))
    found = settings(model, build(model, backbone_key="wrapper.enhancer"))
    assert found["wrapper.enhancer.patch_embed.weight"][0] == pytest.approx(LR / 16)


def test_without_layer_decay_any_model_will_do() -> None:
    model = Dense(backbone=nn.Conv2d(3, 4, 2))
    for paramwise in ({}, dict(layer_decay_rate=1.0)):
        constructor = LayerDecayOptimWrapperConstructor(dict(optimizer=dict(type="SGD", lr=LR)), paramwise)
        groups = constructor(model).optimizer.param_groups
        assert [(group["lr"], group["weight_decay"]) for group in groups] == [(LR, 0), (LR, 0)]


def test_distributed_wrappers_are_looked_through(tmp_path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        model = Dense()
        wrapped = MMDistributedDataParallel(model, device_ids=None)
        assert settings(model, build(wrapped)) == settings(model, build(model))
    finally:
        torch.distributed.destroy_process_group()


def test_it_is_found_by_its_full_name() -> None:
    config = dict(
        type="OptimWrapper",
        optimizer=dict(type="AdamW", lr=LR, weight_decay=DECAY),
        constructor="mmmim.LayerDecayOptimWrapperConstructor",
        paramwise_cfg=dict(layer_decay_rate=RATE),
    )
    assert len(build_optim_wrapper(Dense(), config).optimizer.param_groups) == 2 * (DEPTH + 2)


@pytest.mark.parametrize(
    ("paramwise", "optimizer", "message"),
    [
        (dict(layer_decay=0.65), None, r"'layer_decay'.*did you mean 'layer_decay_rate'"),
        (dict(layer_decay_rate=1.5), None, r"layer_decay_rate must lie in \(0, 1\], got 1.5"),
        ({}, dict(type="AdamW"), r"optimizer\.lr is missing"),
        (dict(backbone_key="encoder"), None, r"Dense has no 'encoder'.*: data_preprocessor, backbone, head"),
        (dict(backbone_key="head"), None, r"backbone Conv2d has no get_layer_depth"),
    ],
)
def test_mistakes_are_named(paramwise: dict, optimizer: dict | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(Dense(), optimizer, **paramwise)
