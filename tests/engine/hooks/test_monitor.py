"""When monitors measure, and that they leave no trace in the training."""

import json
import random

import numpy as np
import pytest
import torch
from tiny_run import losses, state, train
from torch import nn

from mmmim.engine.hooks import Monitor
from mmmim.engine.hooks.monitor import eval_mode, own_generators
from mmmim.errors import UsageError
from mmmim.registry import HOOKS


@HOOKS.register_module(force=True)
class Drawing(Monitor):
    """A monitor that draws from every generator, uses the model in all ways and notes what it found."""

    def __init__(self, **options):
        super().__init__(**options)
        self.steps, self.drawn, self.prepared = [], [], 0

    def prepare(self, runner):
        self.prepared += 1
        draws()

    def measure(self, runner, step):
        self.steps.append(step)
        self.drawn.append(draws())
        assert not any(module.training for module in runner.model.modules())
        assert not torch.is_grad_enabled()
        runner.model(torch.rand(4, 3, 4, 4), torch.arange(4))
        return {"drawing/value": 0.5, "drawing/steps": float(step)}


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def monitor_of(runner):
    return next(hook for hook in runner.hooks if isinstance(hook, Drawing))


def test_the_training_is_that_without_a_monitor(tmp_path):
    without_seeds = {
        "default_hooks.step_seed": dict(_delete_=True, type="EmptyCacheHook")
    }  # each step goes on with the state that the one before left
    plain = train(tmp_path / "plain", **without_seeds)
    watched = train(tmp_path / "watched", custom_hooks=[
        dict(type="StepLossHook", out_file="losses.jsonl", interval=1), dict(type="Drawing", interval=1),
    ], **without_seeds)  # fmt: skip
    assert monitor_of(watched).steps == [1, 2, 3] and monitor_of(watched).prepared == 1
    assert losses(tmp_path / "watched") == losses(tmp_path / "plain")
    assert {name: value.tolist() for name, value in state(watched).items()} == {
        name: value.tolist() for name, value in state(plain).items()
    }


def test_values_are_logged_in_one_line_and_given_to_the_visualizer(tmp_path):
    runner = train(tmp_path, custom_hooks=[dict(type="Drawing", interval=2)], log_level="INFO")
    (scalars,) = tmp_path.glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in scalars.read_text(encoding="utf-8").splitlines() if "drawing" in line]
    assert lines == [
        {"drawing/value": 0.5, "drawing/steps": 2.0, "step": 2},
        {"drawing/value": 0.5, "drawing/steps": 3.0, "step": 3},
    ]
    (log,) = tmp_path.glob("*/*.log")
    assert "epoch 3: drawing/value: 0.5, drawing/steps: 3\n" in log.read_text(encoding="utf-8")
    assert monitor_of(runner).newest == {"drawing/value": 0.5, "drawing/steps": 3.0}


@pytest.mark.parametrize(
    ("epochs", "options", "steps"),
    [
        (3, dict(), [1, 2, 3]),
        (24, dict(), [*range(2, 25, 2)]),
        (4, dict(interval=3), [3, 4]),
        (2, dict(by_epoch=False, interval=5), [5, 10, 12]),
        (2, dict(by_epoch=False), [*range(1, 13)]),
    ],
)
def test_a_tenth_of_the_run_lies_between_two_evaluations(tmp_path, epochs, options, steps):
    changes = {"train_cfg.max_epochs": epochs, "param_scheduler": []}
    runner = train(tmp_path, custom_hooks=[dict(type="Drawing", **options)], **changes)
    assert monitor_of(runner).steps == steps
    assert monitor_of(runner).num_evaluations(runner) == len(steps)


def test_a_run_that_counts_iterations_is_measured_by_iterations(tmp_path):
    loop = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=20)
    sampler = dict(_delete_=True, type="InfiniteEpochSampler", shuffle=True)
    settings = {"train_dataloader.sampler": sampler, "log_processor.by_epoch": False, "param_scheduler": []}
    runner = train(tmp_path, custom_hooks=[dict(type="Drawing")], train_cfg=loop, **settings)
    assert monitor_of(runner).steps == list(range(2, 21, 2))


def test_generators_are_restored_and_seeded_by_the_step():
    torch.manual_seed(3)
    before = states()
    with own_generators(7):
        first = draws()
    assert states() == before
    draws()
    with pytest.raises(KeyError), own_generators(7):
        assert draws() == first
        raise KeyError
    with own_generators(8):
        assert draws() != first
    assert states() != before


def test_each_module_gets_its_own_mode_back():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2), nn.Sequential(nn.Dropout()))
    model[1].eval()  # frozen, as `model.train()` would not know
    modes = [module.training for module in model.modules()]
    assert True in modes and False in modes
    with pytest.raises(KeyError), eval_mode(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert [module.training for module in model.modules()] == modes


def test_interval_zero_is_refused():
    with pytest.raises(UsageError, match="interval: 0"):
        Drawing(interval=0)
