from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmmim.engine.sharding import is_sharded
from mmmim.launch.building import CheckedRunner
from mmmim.launch.sharded_runner import ShardedRunner

# Lines of MMEngine that say nothing about the run: one per parameter, and about its own renamed classes.
LEFT_OUT = ("paramwise_options", '"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


def build_runner(cfg: Config) -> Runner:
    """Return the Runner of a config that is ready to run, without the lines of MMEngine's log that are not about it."""
    kind = ShardedRunner if is_sharded(cfg.get("model_wrapper_cfg")) else CheckedRunner
    runner = RUNNERS.build(cfg) if "runner_type" in cfg else kind.from_cfg(cfg)
    runner.logger.addFilter(lambda record: not str(record.msg).startswith(LEFT_OUT))
    return runner
