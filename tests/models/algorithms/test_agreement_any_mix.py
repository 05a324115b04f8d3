"""Every encoder with every masker and every objective: two steps, or a refusal that names both parts and the fix."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from mixes import CELL, ENCODERS, EVERY_MIX, IMAGE, MASKERS, OBJECTIVES, PAGE, TOKENS, Mix, page, refusal

from mmmim.models import algorithms, backbones, generators, heads, maskers, necks, target_generators
from mmmim.models.target_generators import EncoderTarget

PACKAGES = (algorithms, backbones, generators, heads, maskers, necks, target_generators)
PARTS = {name for package in PACKAGES for name in package.__all__}
FIXES = re.compile(r"\b(set|use|give|leave) ")


def batch(model: Any, seed: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    sizes = dict(inputs=IMAGE, token_inputs=TOKENS)
    images = {n: torch.randint(0, 256, (4, 3, s, s), dtype=torch.uint8, generator=generator) for n, s in sizes.items()}
    return model.data_preprocessor(images, training=True)


def train(model: Any, steps: int = 2) -> None:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
    before = [parameter.detach().clone() for parameter in model.backbone.parameters()]
    for step in range(steps):
        model.set_step(0, step)
        total, logged = model.train().parse_losses(model(**batch(model, step), mode="loss"))
        assert all(value.isfinite() for value in logged.values()), logged
        optimizer.zero_grad()
        total.backward()
        gradients = [parameter.grad for parameter in model.backbone.parameters() if parameter.grad is not None]
        assert gradients and all(gradient.isfinite().all() for gradient in gradients)
        assert any(gradient.abs().sum() > 0 for gradient in gradients)
        optimizer.step()
        if isinstance(model.target_generator, EncoderTarget):
            model.target_generator.set_step(step, steps)
            model.target_generator.update()
    assert any(not torch.equal(old, new) for old, new in zip(before, model.backbone.parameters(), strict=True))


@pytest.mark.parametrize("mix", EVERY_MIX, ids=" x ".join)
def test_a_mix_trains_or_is_refused(mix: Mix) -> None:
    problem = refusal(mix)
    if problem is None:
        train(mix.build())
    else:
        named = {name for name in (*PARTS, "masker=None") if re.search(rf"\b{name}\b", problem)}
        assert len(named) > 1 and FIXES.search(problem), problem


def test_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: python tests/helpers/mixes.py"


def test_each_name_of_the_lists_trains_somewhere() -> None:
    trained = {name for mix in EVERY_MIX if refusal(mix) is None for name in mix}
    assert trained == {*ENCODERS, *MASKERS, *OBJECTIVES} and CELL * 4 == IMAGE
