from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tiny_run import tiny_config

from mmmim.launch import runner as module
from mmmim.launch.building import CheckedRunner
from mmmim.launch.runner import HIDDEN_LOG_LINES, build_runner


def test_lines_that_say_nothing_about_the_run_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    runner = build_runner(tiny_config(tmp_path, log_level="INFO"))
    assert type(runner) is CheckedRunner
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    runner.logger.addHandler(handler)
    for line in (*(f"{start} and more" for start in HIDDEN_LOG_LINES), "Epoch(train) [1]"):
        runner.logger.info(line)
    assert told == ["Epoch(train) [1]"]


def test_a_sharded_run_has_a_runner_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    cfg = tiny_config(tmp_path, model_wrapper_cfg=dict(type="ShardedDataParallel"))
    plain = CheckedRunner.from_cfg(tiny_config(tmp_path / "plain"))
    monkeypatch.setattr(module.ShardedRunner, "from_cfg", lambda given: asked.append(given) or plain)
    assert build_runner(cfg) is plain and asked == [cfg]
