"""Exported folders are opened by their libraries in a process that never imports mmmim."""

from __future__ import annotations

from pathlib import Path

import pytest
from other_libraries import ENCODERS, differences_elsewhere, exported

SINGLE = 1e-4  # relative, in single precision


@pytest.mark.parametrize("target", ["timm", "transformers"])
def test_models_of_other_libraries_give_our_features(tmp_path: Path, target: str) -> None:
    pytest.importorskip(target)
    jobs = [
        exported(tmp_path / str(number), target, cls, settings)
        for number, (cls, settings) in enumerate(ENCODERS.values())
    ]
    found = dict(zip(ENCODERS, differences_elsewhere(tmp_path, jobs), strict=True))
    print(target, found)
    assert max(found.values()) < SINGLE, found


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnx", "torch-export"])
def test_graphs_give_our_features(tmp_path: Path, target: str) -> None:
    if target == "onnx":
        pytest.importorskip("onnxscript")
    jobs = [
        exported(tmp_path / str(number), target, cls, settings)
        for number, (cls, settings) in enumerate(ENCODERS.values())
    ]
    found = dict(zip(ENCODERS, differences_elsewhere(tmp_path, jobs), strict=True))
    print(target, found)
    assert max(found.values()) < SINGLE, found
