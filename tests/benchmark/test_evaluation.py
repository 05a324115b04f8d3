from __future__ import annotations

from pathlib import Path

from benchmark_figures import figures_of


def test_evaluation(tmp_path: Path) -> None:
    found = figures_of(["eval", "--num", "24"], tmp_path)
    assert list(found) == ["features", "features from the cache", "k-NN"]
    assert all(row["wall_s"] > 0 for row in found.values())
