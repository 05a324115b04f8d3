from __future__ import annotations

from pathlib import Path
from typing import Any

from mmmim.launch.options import load_config
from mmmim.launch.prepare import Settings, prepare
from mmmim.plan.dry_run import dry_run
from mmmim.plan.table import describe

ROOT = Path(__file__).parents[2]


def plan(name: str, processes: int, **options: Any) -> tuple[Any, str]:
    cfg = load_config(str(ROOT / "configs" / name), options)
    run = dry_run(prepare(cfg, Settings(processes=processes, planned=True)))
    return run, describe(run)
