from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch

from mmmim.checkpoint.foreign import read_source
from mmmim.errors import WeightsError

WEIGHTS = {"patch_embed.weight": torch.ones(2), "norm.bias": torch.zeros(3)}


def stored(tmp_path: Path, content: Any) -> Path:
    torch.save(content, tmp_path / "file.pth")
    return tmp_path / "file.pth"


@pytest.mark.parametrize("entry", ["model", "state_dict"])
def test_weights_are_found_in_their_entry_and_other_entries_are_told(tmp_path: Path, entry: str) -> None:
    source = read_source(stored(tmp_path, {entry: WEIGHTS, "optimizer": {"state": {}}, "epoch": 799}))
    assert source.state.keys() == WEIGHTS.keys() and source.prefix == f"{entry}."
    assert "optimizer" in source.not_read and entry not in source.not_read


def test_the_module_of_data_parallel_training_is_taken_off(tmp_path: Path) -> None:
    source = read_source(
        stored(
            tmp_path,
            {"model": {f"module.{name}": each for name, each in WEIGHTS.items()}},
        )
    )
    assert source.state.keys() == WEIGHTS.keys() and source.prefix == "model.module."


@pytest.mark.parametrize(
    ("content", "finished"),
    [
        ({"epoch": 799}, 800),
        ({"meta": {"epoch": 300}}, 300),
        ({"epoch": "last"}, None),
        ({}, None),
    ],
)
def test_finished_epochs_are_counted_from_either_convention(
    tmp_path: Path, content: dict[str, Any], finished: int | None
) -> None:
    assert read_source(stored(tmp_path, {"model": WEIGHTS, **content})).epoch == finished


@pytest.mark.parametrize("args", [argparse.Namespace(input_size=224), {"input_size": 224}])
def test_options_of_the_run_are_read(tmp_path: Path, args: Any) -> None:
    assert read_source(stored(tmp_path, {"model": WEIGHTS, "args": args})).options["input_size"] == 224
    assert read_source(stored(tmp_path, {"model": WEIGHTS, "args": ["a list"]})).options == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([1, 2], r"holds a list, not the named tensors of a model"),
        (
            {"epoch": 3, "optimizer": {}},
            r"holds no tensors of a model, .*; it holds epoch, optimizer",
        ),
        ({}, r"it holds nothing"),
    ],
)
def test_files_without_weights_say_what_they_hold(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        read_source(stored(tmp_path, content))
