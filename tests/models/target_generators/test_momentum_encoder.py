"""ConMIM's slow encoder follows the trained one."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from small_conmim import conmim, crops

from mmmim.models.target_generators import MomentumEncoder


def test_momentum_of_the_paper() -> None:
    slow, total = MomentumEncoder(), 187_500
    assert slow.momentum(0, total) == pytest.approx(0.996)
    assert slow.momentum(total // 4, total) == pytest.approx(0.996586, abs=1e-6)
    assert slow.momentum(total // 2, total) == pytest.approx(0.998)
    assert slow.momentum(3 * total // 4, total) == pytest.approx(0.999414, abs=1e-6)
    assert 1 - slow.momentum(total - 1, total) == pytest.approx(2.8e-13, rel=0.02)
    assert MomentumEncoder(start=0.9, schedule="constant").momentum(50, 100) == 0.9


def test_slow_encoder_is_the_closed_form_after_a_hundred_steps() -> None:
    model = conmim().double()
    slow = model.target_generator
    names = [
        *dict(model.backbone.named_parameters(prefix="backbone")),
        *dict(model.neck.named_parameters(prefix="neck")),
    ]
    start = {name: p.clone() for name, p in slow.named_parameters()}
    expected = {name: start[name].clone() for name in names}
    assert sorted(names) == sorted(start)
    generator = torch.Generator().manual_seed(0)
    for step in range(100):
        alpha = 1 - 0.5 * 0.004 * (1 + math.cos(math.pi * step / 100))
        for name, parameter in [
            *model.backbone.named_parameters(prefix="backbone"),
            *model.neck.named_parameters(prefix="neck"),
        ]:
            with torch.no_grad():
                parameter.add_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator))
                expected[name] = alpha * expected[name] + (1 - alpha) * parameter
        slow.set_step(step, 100)
        slow.update()
    for name, parameter in slow.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name].detach(), rtol=0, atol=1e-10)


def test_statistics_of_the_slow_projector_are_its_own() -> None:
    model = conmim()
    model.loss(crops())
    online, slow = dict(model.neck.named_buffers()), dict(model.target_generator.neck.named_buffers())
    before = {name: value.clone() for name, value in slow.items()}
    assert any(not torch.equal(online[name], slow[name]) for name in slow)
    model.target_generator.update()
    assert all(torch.equal(before[name], value) for name, value in slow.items())


def test_slow_encoder_trains_with_the_model_and_may_do_without_drop_path() -> None:
    model = conmim(backbone=dict(drop_path_rate=0.5)).train()
    images = crops()
    assert model.target_generator.training
    keys = [model.target_generator(images) for _ in range(2)]
    assert not torch.equal(*keys)
    still = conmim(backbone=dict(drop_path_rate=0.5), target_generator=dict(drop_path=False)).train()
    assert torch.equal(still.target_generator(images), still.target_generator(images))


def test_checkpoints_hold_the_slow_encoder_as_backbone() -> None:
    model = conmim()
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.add_(1.0)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    slow = dict(model.target_generator.backbone.named_parameters())
    for name, value in slow.items():
        assert torch.equal(state[f"backbone.{name}"], value)
        assert torch.equal(state[f"target_generator.backbone.{name}"], dict(model.backbone.named_parameters())[name])
    other = conmim()
    other.load_state_dict(state, strict=True)
    for (name, first), second in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second), name
    online = conmim(export_weights="online")
    assert torch.equal(online.state_dict()["backbone.cls_token"], online.backbone.cls_token)


def test_copies_move_with_their_own_encoder() -> None:
    model = copy.deepcopy(conmim())
    with torch.no_grad():
        model.backbone.cls_token.fill_(5.0)
    model.target_generator.update()
    assert model.target_generator.backbone.cls_token.mean().item() == pytest.approx(0.02, abs=0.01)


def test_a_forgotten_hook_is_noticed() -> None:
    slow = conmim(target_generator=dict(dims=16)).train().target_generator
    images = crops(1)
    slow._passes = 255
    with pytest.warns(UserWarning, match="MomentumUpdateHook"):
        slow(images)
