from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmmim.engine.sharding import is_sharded
from mmmim.launch.building import CheckedRunner
from mmmim.launch.sharded_runner import ShardedRunner


def build_runner(cfg: Config) -> Runner:
    """Return the Runner of a config."""
    kind = ShardedRunner if is_sharded(cfg.get("model_wrapper_cfg")) else CheckedRunner
    return RUNNERS.build(cfg) if "runner_type" in cfg else kind.from_cfg(cfg)
