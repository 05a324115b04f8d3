from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mmmim.report.pictures import Grid, Images, _stages, draw_all, source_of
from mmmim.report.run_folder import RunFolder

TITLES = ["What the model makes of hidden parts", "What is hidden", "Where the class token looks", "Nearest neighbours"]


def test_a_run_has_the_pictures_of_its_method(run: RunFolder) -> None:
    state = random.getstate(), np.random.get_state()[1].sum(), torch.get_rng_state()
    grids = list(draw_all(run, Images("toy", num=2)))
    assert all(isinstance(grid, Grid) for grid in grids)
    assert [grid.title for grid in grids if isinstance(grid, Grid)] == TITLES
    for grid in grids:
        assert isinstance(grid, Grid) and {len(column.images) for column in grid.columns} == {2}
    titles = [column.title for column in grids[0].columns]  # type: ignore[union-attr]
    assert titles == ["original", "input (75% hidden)", "untrained", "epoch 1", "epoch 2", "model only"]
    assert random.getstate() == state[0] and np.random.get_state()[1].sum() == state[1]
    assert torch.equal(torch.get_rng_state(), state[2])


def test_training_changes_the_pictures_of_hidden_patches_only(run: RunFolder) -> None:
    grid = next(iter(draw_all(run, Images("toy", num=1))))
    assert isinstance(grid, Grid)
    original, seen, untrained, *trained = (column.images[0] for column in grid.columns[:5])
    visible = (np.asarray(seen) == np.asarray(original)).all(-1)
    assert 0 < visible.mean() < 0.5
    for picture in (untrained, *trained):
        assert (np.asarray(picture)[visible] == np.asarray(original)[visible]).all()
        assert (np.asarray(picture)[~visible] != np.asarray(original)[~visible]).any()
    assert (np.asarray(untrained) != np.asarray(trained[-1])).any()


def test_what_cannot_be_drawn_is_said(run: RunFolder) -> None:
    untrained = list(draw_all(dataclasses.replace(run, checkpoints=()), Images("toy", num=1)))
    assert isinstance(untrained[0], Grid) and untrained[0].columns[-2].title == "untrained"
    assert untrained[1:] == [
        f"No picture of {name}: the run has stored no checkpoint yet"
        for name in ("enhancements", "masks", "attention", "neighbours")
    ]
    without = list(draw_all(dataclasses.replace(run, config=None), Images("toy", num=1)))
    assert "No picture of reconstructions: the run left no config" in without


def test_images_are_those_of_the_run_where_they_are_there(run: RunFolder, tmp_path: Path) -> None:
    assert run.config is not None and source_of(run.config) == "toy"
    inner = dict(type="ImageFolder", root=str(tmp_path))
    for dataset in (inner, dict(type="RepeatDataset", dataset=inner)):
        assert source_of(Config(dict(train_dataloader=dict(dataset=dataset)))) == str(tmp_path)
    gone = dict(dataset=dict(type="ImageFolder", root=str(tmp_path / "gone")))
    assert source_of(Config(dict(train_dataloader=gone))) == "toy"


def test_stages_are_evenly_spaced_and_end_with_the_last() -> None:
    files = [Path(f"epoch_{epoch}.pth") for epoch in range(1, 12)]
    assert [file.stem for file in _stages(files)] == ["epoch_3", "epoch_6", "epoch_8", "epoch_11"]
    assert _stages(files[:3]) == files[:3]
