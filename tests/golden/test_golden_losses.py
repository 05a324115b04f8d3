"""The toy configs still give the stored losses of their first steps, in float64; `make golden` renews them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import golden_losses


class Cuts(TorchDispatchMode):
    """Collects the operations that make single precision of double."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        dtypes = {leaf.dtype for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        made = {leaf.dtype for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)}
        if torch.float64 in dtypes and made & {torch.float32, torch.bfloat16, torch.float16}:
            self.found.add(str(func))
        return out


def stored_losses(config: Path) -> golden_losses.Losses:
    return json.loads(golden_losses.golden_file(config).read_text(encoding="utf-8"))


@pytest.mark.parametrize("config", golden_losses.toy_configs(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_first_steps(config: Path) -> None:
    stored = stored_losses(config)
    assert {len(values) for values in stored.values()} == {golden_losses.STEPS}
    with Cuts() as cuts:
        now = golden_losses.first_losses(config)
    assert not golden_losses.differences(now, stored)
    assert not cuts.found, "use at_least_fp32, which keeps float64"


def test_other_tests_stay_in_single_precision() -> None:
    with golden_losses.float64():
        assert torch.zeros(1).dtype is torch.float64
    assert torch.zeros(1).dtype is torch.float32


@pytest.mark.parametrize(
    "config, option, value, steps",
    [
        ("mae/vit-tiny_toy", "optim_wrapper.optimizer.lr", 2e-3, golden_losses.STEPS),
        ("cim/resnet-tiny_revdet_toy", "model.loss_weights.enhancer", 1.0, 1),
    ],
)
def test_a_millionth_is_noticed(config: str, option: str, value: float, steps: int) -> None:
    path = golden_losses.ROOT / f"configs/{config}.py"
    stored = {name: values[:steps] for name, values in stored_losses(path).items()}
    assert not golden_losses.differences(golden_losses.first_losses(path, steps, {option: value}), stored)
    assert golden_losses.differences(golden_losses.first_losses(path, steps, {option: value * (1 + 1e-6)}), stored)


def test_no_stored_losses_without_config() -> None:
    stored = set(golden_losses.FOLDER.glob("*.json"))
    assert stored == {golden_losses.golden_file(config) for config in golden_losses.toy_configs()}


@pytest.mark.parametrize(
    "now, said",
    [
        (dict(loss=[1.0, 2.0]), ""),
        (dict(loss=[1.0, 2.00000000001]), ""),
        (dict(loss=[1.0, 2.000000001]), "loss: 2.000000001 at step 1, stored is 2 "),
        (dict(loss=[1.0, float("nan")]), "loss: nan at step 1"),
        (dict(loss=[1.0]), "loss: 1 steps computed, 2 stored"),
        (dict(loss=[1.0, 2.0], extra=[1.0, 1.0]), "extra: only computed"),
        (dict(), "loss: only stored"),
    ],
)
def test_differences(now: dict, said: str) -> None:
    found = golden_losses.differences(now, dict(loss=[1.0, 2.0]))
    assert (said in found[0]) if said else not found
