"""Measure a k-NN evaluation: features the first time, again from the cache, and the search of neighbours."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from typing import Any

from mmengine.registry import init_default_scope

from mmmim.config.folder import configs_folder
from mmmim.evaluation.feature_cache import FeatureCache
from mmmim.evaluation.frozen import FrozenEvaluation
from mmmim.evaluation.knn import choose_k, knn_accuracy
from mmmim.launch.options import load_config

CONFIG = "mae/vit-tiny_toy.py"


def measure(data: str | None, images: int) -> dict[str, dict[str, float]]:
    """Return CPU and wall seconds, and images a second, of each part of an evaluation of the toys' encoder.

    Args:
        data: Folder with classes; by default ``images`` built-in pictures, and a quarter as many to test.
    """
    cfg = load_config(str(configs_folder() / CONFIG), {}, own_images=data is not None)
    if data is None:
        cfg.train_dataloader.dataset.num_images = images
    init_default_scope("mmmim")
    with tempfile.TemporaryDirectory() as folder:

        def features() -> Any:
            count = None if data is not None else max(1, images // 4)
            evaluation = FrozenEvaluation(cfg, data, device="cpu", num_test=count, cache=FeatureCache(folder))
            return evaluation.features(None, 0)

        figures, (train, test) = _timed("features", features)
        again, _ = _timed("features from the cache", features)
        ks = choose_k(None, len(train.x))
        search, _ = _timed("k-NN", lambda: knn_accuracy(*train, *test, k=ks))
    rows = {**figures, **again, **search}
    for row in rows.values():
        row["images_per_s"] = (len(train.x) + len(test.x)) / row["wall_s"]
    return rows


def _timed(name: str, work: Callable[[], Any]) -> tuple[dict[str, dict[str, float]], Any]:
    cpu, wall = _cpu(), time.perf_counter()
    result = work()
    return {name: dict(cpu_s=_cpu() - cpu, wall_s=time.perf_counter() - wall)}, result


def _cpu() -> float:
    """Return the CPU seconds of this process and of those that it started and that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
