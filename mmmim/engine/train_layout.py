"""How much data a run trains on at a time, which a run that goes on must not change unnoticed."""

from __future__ import annotations

from typing import Any

from mmengine.dist import get_world_size

from mmmim.engine.internals import accumulation_of
from mmmim.engine.optim.wrappers import wrappers_of

LAYOUT = "train_layout"  # key of the message hub, and so of checkpoints


def train_layout(runner: Any) -> dict[str, Any]:
    """Return the facts of a run that its checkpoints hold and a resumed run is compared with."""
    loader = runner.train_loop.dataloader
    batch = loader.batch_size or getattr(loader.batch_sampler, "batch_size", None)
    facts = dict(batch_size=batch, processes=get_world_size(), images=len(loader.dataset))
    if hasattr(runner.train_loop, "max_epochs") and hasattr(loader, "__len__"):
        facts["epoch_length"] = len(loader)
    wrapper = wrappers_of(runner.optim_wrapper)[0]
    facts["accumulation"] = accumulation_of(wrapper) if hasattr(wrapper, "optimizer") else 1
    return facts


def global_batch(layout: dict[str, Any]) -> str:
    """Return the batch per update with its factors; equal numbers of images give equal text before the factors."""
    factors = [layout.get(name) or 1 for name in ("batch_size", "processes", "accumulation")]
    return f"{factors[0] * factors[1] * factors[2]} images per update"


def layout_changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what differs between two runs, old and new; facts that one of them lacks are not compared."""
    changes = []
    if "images" in before and before["images"] != now["images"]:
        changes.append(f"the data: {before['images']:,} images -> {now['images']:,}")
    if "accumulation" in before and global_batch(before) != global_batch(now):
        changes.append(f"the batch: {global_batch(before)} -> {global_batch(now)}")
    return changes
