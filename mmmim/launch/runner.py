from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmmim.engine.sharding import is_sharded
from mmmim.launch.building import CheckedRunner
from mmmim.launch.sharded_runner import ShardedRunner

# Beginnings of MMEngine's log lines that say nothing about the run: one per parameter, and on its renamed classes.
HIDDEN_LOG_LINES = ("paramwise_options", '"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


def build_runner(cfg: Config) -> Runner:
    """Return the Runner of a config, whose log leaves out MMEngine's lines that are not about the run."""
    kind = ShardedRunner if is_sharded(cfg.get("model_wrapper_cfg")) else CheckedRunner
    runner = RUNNERS.build(cfg) if "runner_type" in cfg else kind.from_cfg(cfg)
    runner.logger.addFilter(lambda record: not str(record.msg).startswith(HIDDEN_LOG_LINES))
    return runner
