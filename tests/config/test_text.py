from __future__ import annotations

from pathlib import Path

from mmmim.config.text import config_value


def test_a_config_is_read_without_running_it(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    run = f"os.mkdir({str(victim)!r})"
    text = f"import os\n{run}\nmodel = dict(backbone=dict(out_type='cls', depth=-1), x={run})\n"
    assert config_value(text, "model") == dict(backbone=dict(out_type="cls", depth=-1), x=None)
    assert not victim.exists()
    assert all(config_value(text, "model") is None for text in ("model = (", None, "a = 1"))
