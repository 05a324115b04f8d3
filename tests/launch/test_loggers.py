from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mmengine.config import Config
from tiny_run import tiny_config

from mmmim.errors import UsageError
from mmmim.launch import loggers
from mmmim.launch.building import CheckedRunner
from mmmim.launch.loggers import use_loggers


def backends(cfg: Config) -> list[str]:
    return [each["type"] for each in cfg.visualizer["vis_backends"]]


def test_loggers_are_added_to_those_of_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda name: object())
    cfg = Config(dict(work_dir="work_dirs/mae/toy", visualizer=dict(type="LazyVisualizer")))
    use_loggers(cfg, [])
    assert "vis_backends" not in cfg.visualizer
    use_loggers(cfg, ["tensorboard", "wandb", "tensorboard"])
    assert backends(cfg) == ["LocalVisBackend", "TensorboardVisBackend", "WandbVisBackend"]
    use_loggers(cfg, ["wandb", "mlflow"])
    assert backends(cfg)[2:] == ["WandbVisBackend", "MLflowVisBackend"]
    assert cfg.visualizer.vis_backends[3].run_name == "mae/toy"


def test_bad_input_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = Config(dict(work_dir="work_dirs/mae/toy"))
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"--log wandb: the package wandb is missing: pip install 'mmmim\[wandb\]'"):
        use_loggers(cfg, ["wandb"])
    with pytest.raises(UsageError, match="--log='tensorbord' is unknown; did you mean 'tensorboard'"):
        use_loggers(cfg, ["tensorbord"])
    assert "visualizer" not in cfg


def test_tensorboard_gets_the_losses(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    cfg = tiny_config(tmp_path)
    cfg.default_hooks = {**cfg.get("default_hooks", {}), "logger": dict(type="LoggerHook", interval=1)}
    use_loggers(cfg, ["tensorboard"])
    CheckedRunner.from_cfg(cfg).train()
    (file,) = tmp_path.rglob("events.out.tfevents.*")
    events = EventAccumulator(str(file.parent))
    events.Reload()
    assert "loss" in events.Tags()["scalars"] and len(events.Scalars("loss")) > 2


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_other_loggers_are_called_as_they_want(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, tuple, dict]] = []

    class Recording(ModuleType):
        def __getattr__(self, attribute: str) -> Any:
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            return lambda *args, **kwargs: calls.append((attribute, args, kwargs))

    stand_in = Recording(name)
    monkeypatch.setitem(sys.modules, name, stand_in)
    monkeypatch.setattr(loggers, "find_spec", lambda _: object())
    if name == "wandb":
        stand_in.config, stand_in.run = Recording("config"), Recording("run")  # type: ignore[attr-defined]
    cfg = tiny_config(tmp_path)
    cfg.default_hooks = {**cfg.get("default_hooks", {}), "logger": dict(type="LoggerHook", interval=1)}
    use_loggers(cfg, [name])
    CheckedRunner.from_cfg(cfg).train()
    told = {attribute for attribute, _, _ in calls}
    if name == "wandb":
        start = next(kwargs for attribute, _, kwargs in calls if attribute == "init")
        assert start["project"] == "mmmim" and start["dir"].startswith(str(tmp_path)) and "log" in told
    else:
        assert {"set_experiment", "log_metric"} <= told or {"set_experiment", "log_metrics"} <= told
