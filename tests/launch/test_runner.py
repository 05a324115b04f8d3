from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from tiny_run import tiny_config

from mmmim.launch import runner as module
from mmmim.launch.building import CheckedRunner
from mmmim.launch.runner import build_runner


def test_a_run_tells_its_mistakes_in_one_line(tmp_path: Path) -> None:
    assert type(build_runner(tiny_config(tmp_path))) is CheckedRunner


def test_a_sharded_run_has_a_runner_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    cfg = tiny_config(tmp_path, model_wrapper_cfg=dict(type="ShardedDataParallel"))
    plain = CheckedRunner.from_cfg(tiny_config(tmp_path / "plain"))
    monkeypatch.setattr(module.ShardedRunner, "from_cfg", lambda given: asked.append(given) or plain)
    assert build_runner(cfg) is plain and asked == [cfg]


@RUNNERS.register_module(force=True)
class RunnerOfAUser(Runner):
    """A Runner that a config names."""


def test_a_config_may_name_its_runner(tmp_path: Path) -> None:
    assert type(build_runner(tiny_config(tmp_path, runner_type="RunnerOfAUser"))) is RunnerOfAUser
