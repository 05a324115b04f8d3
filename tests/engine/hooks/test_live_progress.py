"""What is drawn on a terminal below the lines of the log."""

import io
import logging
import re
import sys
import threading

import pytest
from rich.console import Console
from tiny_run import tiny_config

from mmmim.engine.hooks import LiveProgressHook, Monitor
from mmmim.engine.hooks import live_progress as module
from mmmim.engine.hooks.live_progress import sparkline
from mmmim.launch.building import CheckedRunner


class Constant(Monitor):
    """A monitor that always measures the same."""

    def measure(self, runner, step):
        assert not [each for each in threading.enumerate() if type(each).__module__.startswith("rich")]
        return {"knn/top1_k20": 41.25}


@pytest.fixture
def screen():
    return io.StringIO()


@pytest.fixture
def console(screen):
    return Console(force_terminal=True, file=screen, width=150, legacy_windows=False)


@pytest.fixture
def shown(screen):
    """What was written to the screen, line by line, without colours and movements of the cursor."""

    def read():
        text = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
        return [line.rstrip() for line in re.split(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n", text)]

    return read


def start(folder, console, **changes):
    runner = CheckedRunner.from_cfg(
        tiny_config(folder, **{"log_level": "INFO", "default_hooks.logger.interval": 2, **changes})
    )
    runner.register_hook(Constant(interval=1))
    runner.register_hook(LiveProgressHook(console))
    return runner


def test_bar_loss_speed_and_values_are_drawn(tmp_path, console, shown, screen, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_DRAWINGS", 0)
    runner = start(tmp_path, console)
    before = [handler.stream for handler in runner.logger.handlers]
    stdout = sys.stdout
    runner.train()
    text = "\n".join(shown())
    assert re.search(r"epoch 1/3 ━+╺?━* 3/6 [\d,]+ images/s  \d:\d\d:\d\d left", text)
    assert "epoch 3/3" in text and "6/6" in text and "0:00:00 left" in text and "-1 day" not in text
    assert re.search(rf"loss [{module.BARS}]+ 0\.\d+  knn/top1_k20 41.25", text)
    assert sys.stdout is stdout
    assert [handler.stream for handler in runner.logger.handlers] == before
    assert screen.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in screen.getvalue()[-80:]  # the cursor is back


def test_log_lines_stand_above_the_bar_and_alone_in_the_file(tmp_path, console, shown, capsys):
    runner = start(tmp_path, console)
    runner.train()
    (file,) = tmp_path.glob("*/*.log")
    log = file.read_text(encoding="utf-8")
    logged = [line for line in log.splitlines() if "Epoch(train)" in line]
    lines = [line for line in shown() if "Epoch(train)" in line]
    assert len(logged) == 9 and len(lines) == 9  # each whole, in a line of its own
    for one, other in zip(lines, logged, strict=True):
        assert one.partition("Epoch(train)")[2] == other.partition("Epoch(train)")[2]
    assert "━" not in log and "Epoch(train)" not in capsys.readouterr().out


def test_a_failure_gives_the_terminal_back(tmp_path, console, screen):
    runner = start(tmp_path, console, **{"model.nan_at": 4, "default_hooks.nonfinite.interval": 1})
    before = [handler.stream for handler in runner.logger.handlers]
    stdout = sys.stdout
    with pytest.raises(RuntimeError, match="non-finite loss"):
        runner.train()
    assert [handler.stream for handler in runner.logger.handlers] == before and sys.stdout is stdout
    assert "\x1b[?25h" in screen.getvalue()[-80:]
    assert not any(isinstance(handler.stream, module._Lines) for handler in runner.logger.handlers
                   if isinstance(handler, logging.StreamHandler))  # fmt: skip


def test_runs_that_count_iterations_have_one_bar(tmp_path, console, shown, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_DRAWINGS", 0)
    loop = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=8)
    sampler = dict(_delete_=True, type="InfiniteEpochSampler", shuffle=True)
    by_iter = {"log_processor.by_epoch": False, "param_scheduler": []}
    start(tmp_path, console, train_cfg=loop, **{"train_dataloader.sampler": sampler, **by_iter}).train()
    text = "\n".join(shown())
    assert re.search(r"step ━+╺?━* 5/8", text) and "8/8" in text and "epoch 1/" not in text


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([1.0], 8, "▁"),
        ([2.0, 2.0], 8, "▁▁"),
        ([8, 7, 6, 5, 4, 3, 2, 1], 8, "█▇▆▅▄▃▂▁"),
        ([0, 2, 14, 14], 2, "▁█"),
        ([float(value) for value in range(1000)], 4, "▁▃▆█"),
    ],
)
def test_sparkline(values, width, expected):
    assert sparkline(values, width) == expected
