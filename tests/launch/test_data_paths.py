from __future__ import annotations

from pathlib import Path

import pytest
from dense_settings import detection, segmentation
from mmengine.registry import DATASETS, DefaultScope

from mmmim.errors import UsageError
from mmmim.launch.data_paths import check_paths
from mmmim.launch.dense_checks import check_dense

CONFIGS = Path(__file__).parents[2] / "configs"
DOWNSTREAM = CONFIGS / "ccmim" / "downstream"
LOADERS = ("train_dataloader", "val_dataloader")


def test_missing_data_is_left_to_the_check_of_paths(data: Path) -> None:
    (data / "det" / "annotations" / "instances_train.json").unlink()
    cfg = detection(data)
    assert check_dense(cfg, LOADERS) == []
    with pytest.raises(UsageError, match=r"instances_train\.json  \(train_dataloader\.dataset\.dataset\.ann_file\)"):
        check_paths(cfg, LOADERS)


def test_a_toy_recipe_on_other_data_writes_no_toys(toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``data_root`` alone sends a toy config elsewhere; a root that is not there is then missing."""
    monkeypatch.chdir(tmp_path)
    cfg = segmentation(toys)
    check_paths(cfg, LOADERS)
    with DefaultScope.overwrite_default_scope("mmseg"):
        assert len(DATASETS.build(cfg.train_dataloader.dataset)) == 6
    assert not (tmp_path / "data").exists()
    with pytest.raises(UsageError, match=r"nowhere/seg  \(train_dataloader\.dataset\.dataset\.data_root\)"):
        check_paths(segmentation(tmp_path / "nowhere"), LOADERS)
