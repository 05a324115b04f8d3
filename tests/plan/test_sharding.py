from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.launch.options import load_config
from mmmim.launch.prepare import Settings, prepare
from mmmim.plan.dry_run import dry_run
from mmmim.plan.table import describe

ROOT = Path(__file__).parents[2]


def test_dry_run_prints_the_plan() -> None:
    wrapper = dict(type="mmmim.ShardedDataParallel", units=("SwinV1Block",))
    options = {"model_wrapper_cfg": wrapper, "model.backbone.with_cp": True}
    cfg = load_config(str(ROOT / "configs/simmim/swin-tiny_toy.py"), options)
    planned, alone = (dry_run(prepare(cfg, Settings(processes=n, planned=True))) for n in (4, 1))
    table = describe(planned)
    blocks = sum(planned.model.backbone.depths)  # type: ignore[union-attr,arg-type]
    assert f"  FSDP over 4 processes: {blocks} units SwinV1Block + root; largest unit " in table
    assert f"  activation checkpointing of {blocks} blocks (backbone.with_cp)" in table
    assert "  gathered" in table and "gradient exchange" not in table
    assert "  start-up" in table and "host holds the" in table
    share = 4 * sum(p.chunk(4)[0].numel() for p in planned.model.parameters())  # type: ignore[no-untyped-call]
    whole = 4 * planned.trainable()
    assert (planned.memory.gradients, planned.unsharded.gradients) == (share, whole) and whole / 4 <= share < whole / 3
    assert planned.memory.optimizer == pytest.approx(2 * share, rel=0.01)
    assert planned.unsharded.parameters - planned.memory.parameters == whole - share
    assert planned.memory.activations == planned.unsharded.activations == alone.memory.activations
    assert alone.sharding is None and "FSDP" not in describe(alone)
