from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.runner import Runner
from tiny_run import losses, saving, tiny_config, train

from mmmim.engine.hooks.step_losses import StepLossHook
from mmmim.errors import UsageError


def test_each_step_is_a_line_of_its_own(tmp_path: Path) -> None:
    runner = train(tmp_path)
    lines = losses(tmp_path)
    assert [line["iter"] for line in lines] == list(range(18))
    assert [line["loss_rec"] for line in lines] == pytest.approx(runner.model.losses)
    assert lines[0].keys() == {"iter", "loss", "loss_rec", "hidden_share"}


def test_pending_steps_are_written_before_a_checkpoint_and_at_the_end(tmp_path: Path) -> None:
    written: list[int] = []

    class Noting(StepLossHook):
        def flush(self) -> None:
            super().flush()
            written.append(len(self.path.read_text(encoding="utf-8").splitlines()))

    runner = Runner.from_cfg(tiny_config(tmp_path, custom_hooks=[], **saving(7)))
    runner.register_hook(Noting("sub/losses.jsonl", interval=1000))
    runner.train()
    assert written[:2] == [7, 14] and written[-1] == 18 and (tmp_path / "sub/losses.jsonl").is_file()


def test_a_resumed_run_keeps_the_lines_before_it_alone(tmp_path: Path) -> None:
    train(tmp_path, **saving(6))
    straight = (tmp_path / "losses.jsonl").read_text(encoding="utf-8")
    with (tmp_path / "losses.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"iter": 18, "lo')  # killed while it wrote
    train(tmp_path, resume=True, load_from=str(tmp_path / "iter_12.pth"), **saving(6))
    assert (tmp_path / "losses.jsonl").read_text(encoding="utf-8") == straight


def test_bad_interval() -> None:
    with pytest.raises(UsageError, match="interval: expected a number of steps >= 1, got 0"):
        StepLossHook(interval=0)
