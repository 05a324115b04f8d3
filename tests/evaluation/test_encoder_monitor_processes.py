"""Monitors in two processes: each encodes its share, sharded or not, and weights and values are those without it."""

import json
from pathlib import Path

import pytest
from sharded_run import UNITS, run
from two_processes import run_in_two_processes

SAME = dict(data="toy", num_bank=25, num_queries=11, interval=1)
HOOKS = [
    dict(type="mmmim.KNNHook", k=(5,), **SAME),
    dict(type="mmmim.ProbeHook", **SAME),
    dict(type="mmmim.RankMeHook", num_images=15, interval=1),
    dict(type="mmmim.visualization.pictures_hook.PicturesHook", num=2, interval=1),
]
MEASURED = {"knn/top1_k5", "probe/top1", "rankme/rankme"}
WRAPPERS = dict(
    sharded=dict(type="mmmim.ShardedDataParallel", units=UNITS), ddp=dict(type="CPUDistributedDataParallel")
)


def train(folder: Path, rank: int) -> dict:
    """Return the sum of each weight of four runs."""
    from mmengine.runner import Runner

    from mmmim.launch.sharded_runner import ShardedRunner

    found = {}
    for kind, wrapper in WRAPPERS.items():
        for name, hooks in (("plain", []), ("watched", HOOKS)):
            own = [dict(type="mmmim.GatherHook"), *hooks]
            changes = dict(custom_hooks=own, model_wrapper_cfg=wrapper)
            runner = ShardedRunner if kind == "sharded" else Runner
            weights = run(folder / f"{kind}_{name}", runner, **changes)
            found[f"{kind}_{name}"] = {key: value.double().sum().item() for key, value in weights.items()}
    return found


def scalars(folder: Path) -> list[dict]:
    lines = [line for file in folder.glob("*/vis_data/scalars.json") for line in file.open(encoding="utf-8")]
    return [found for line in lines if MEASURED & (found := json.loads(line)).keys()]


def test_shares_of_two_processes_are_measured_together(tmp_path):
    one, other = run_in_two_processes(train, tmp_path)
    assert one == other
    for kind in WRAPPERS:
        assert one[f"{kind}_plain"] == one[f"{kind}_watched"]
        assert len(scalars(tmp_path / f"{kind}_watched")) == 3 * 3  # of one process, in each of three epochs
        assert len(list(tmp_path.glob(f"{kind}_watched/*/vis_data/vis_image/*.png"))) == 3
    for one, other in zip(*(scalars(tmp_path / f"{kind}_watched") for kind in WRAPPERS), strict=True):
        assert one == pytest.approx(other, rel=1e-2)
