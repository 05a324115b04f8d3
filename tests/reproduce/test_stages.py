from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.errors import UsageError
from mmmim.reproduce.stages import StageFailed, Stages, fresh_folder, short


def test_only_folders_of_the_demo_are_emptied(tmp_path):
    own = fresh_folder(tmp_path / "own")
    (own / "left_over").touch()
    assert not (fresh_folder(own) / "left_over").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").touch()
    with pytest.raises(UsageError, match="not from an earlier demo"):
        fresh_folder(tmp_path / "mine")
    assert (tmp_path / "mine/thesis.tex").exists()


def tool(folder: Path, code: str) -> list[str]:
    """Write a tool, and return the command that runs it."""
    file = folder / f"tool{len(list(folder.glob('tool*.py')))}.py"
    file.write_text(code, encoding="utf-8")
    return [str(file)]


def test_a_failing_stage_shows_the_end_of_its_output(tmp_path):
    command = tool(tmp_path, "print('the reason'); raise SystemExit(3)")
    with pytest.raises(StageFailed, match=r"(?s)broken ended with status 3.*the reason"):
        Stages(tmp_path, 1).run("broken", command)
    assert "the reason" in (tmp_path / "broken.log").read_text(encoding="utf-8")


def test_progress_lines_are_short():
    line = (
        "11/21 02:33:53 - mmengine - INFO - Iter(train) [ 50/300]  base_lr: 1.2952e-04 lr: 1.2952e-04  eta: 0:00:11  "
        "time: 0.7918  data_time: 0.0134  loss: 1.5307  decode.loss_ce: 0.7389\n"
    )
    assert short(line) == "Iter(train) [ 50/300] loss 1.5307 eta 0:00:11"


def test_stages_share_the_cores(tmp_path):
    stages = Stages(tmp_path, cores=4)
    command = tool(tmp_path, "import os; print(os.environ['OMP_NUM_THREADS'])")
    stages.run("alone", command)
    stages.run_side_by_side(dict.fromkeys(("one", "two", "three"), command))
    printed = {name: (tmp_path / f"{name}.log").read_text(encoding="utf-8").strip() for name in stages.seconds}
    assert printed == dict(alone="4", one="2", two="2", three="2")
    assert set(stages.cpu_seconds) == set(printed)


def test_one_failure_of_several_is_told(tmp_path):
    commands = dict(first=tool(tmp_path, ""), second=tool(tmp_path, "raise SystemExit(1)"))
    with pytest.raises(StageFailed, match="second ended with status 1"):
        Stages(tmp_path, cores=2).run_side_by_side(commands)
