from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.hooks import IterTimerHook
from mmengine.logging import MessageHub

from mmmim.engine.hooks.step_timer import StepTimerHook


@pytest.fixture
def hub() -> MessageHub:
    return MessageHub("step_timer")


def before(loop: Any, hub: MessageHub, mode: str = "train") -> StepTimerHook:
    hook = StepTimerHook()
    hook._before_epoch(None)
    hook._before_iter(SimpleNamespace(train_loop=loop, message_hub=hub), 0, mode=mode)
    return hook


def test_the_wait_for_data_is_the_one_that_the_loop_measured(hub: MessageHub) -> None:
    before(SimpleNamespace(data_seconds=12.5), hub)
    assert hub.get_scalar("train/data_time").current() == 12.5


@pytest.mark.parametrize(("loop", "mode"), [(SimpleNamespace(), "train"), (SimpleNamespace(data_seconds=12.5), "val")])
def test_elsewhere_it_is_mmengines(loop: Any, mode: str, hub: MessageHub) -> None:
    before(loop, hub, mode)
    assert 0 <= hub.get_scalar(f"{mode}/data_time").current() < 12
    assert issubclass(StepTimerHook, IterTimerHook)
