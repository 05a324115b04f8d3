from __future__ import annotations

import pytest
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.evaluation import splits
from mmmim.launch import monitors as module
from mmmim.launch.monitors import Monitors, use_monitors
from mmmim.registry import HOOKS

PICTURES = "mmmim.visualization.pictures_hook.PicturesHook"


def hooks(monitors: Monitors, *present: dict) -> list[dict]:
    cfg = Config(dict(custom_hooks=[dict(each) for each in present]))
    use_monitors(cfg, monitors)
    return [dict(hook) for hook in cfg.custom_hooks]


def test_nothing_is_added_where_nothing_is_wanted() -> None:
    cfg = Config(dict())
    use_monitors(cfg, Monitors())
    assert "custom_hooks" not in cfg
    assert hooks(Monitors(), dict(type="StepLossHook")) == [dict(type="StepLossHook")]


def test_each_option_is_a_hook() -> None:
    own = dict(type="StepLossHook")
    assert hooks(Monitors("toy", "toy", True, True), own) == [
        own,
        dict(type="mmmim.KNNHook", data="toy"),
        dict(type="mmmim.ProbeHook", data="toy"),
        dict(type="mmmim.RankMeHook"),
        dict(type=PICTURES),
    ]


def test_interval_and_number_of_images_hold_for_all() -> None:
    assert hooks(Monitors("toy", None, True, True, interval=3, images=50)) == [
        dict(type="mmmim.KNNHook", data="toy", interval=3, num_bank=50, num_queries=25),
        dict(type="mmmim.RankMeHook", interval=3, num_images=50),
        dict(type=PICTURES, interval=3),
    ]


def test_all_of_them_can_be_built() -> None:
    for hook in hooks(Monitors("toy", "toy", True, True, interval=3, images=50)):
        assert HOOKS.build(hook).interval == 3


def test_an_option_replaces_the_config_s_hook_and_the_interval_changes_it() -> None:
    own = dict(type="KNNHook", data="elsewhere", k=(5,))
    assert hooks(Monitors(knn="toy"), own) == [dict(type="mmmim.KNNHook", data="toy")]
    assert hooks(Monitors(interval=2), own) == [dict(own, k=(5,), interval=2)]


def test_folders_are_looked_for(tmp_path) -> None:
    assert hooks(Monitors(probe=str(tmp_path)))[0]["data"] == str(tmp_path)
    with pytest.raises(UsageError, match=r"--probe .*nowhere: does not exist; give a folder with one sub-folder"):
        hooks(Monitors(probe=str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("monitors", "message"),
    [
        (Monitors(knn="toy", interval=0), "--monitor-interval 0: at least 1"),
        (Monitors(knn="toy", images=1), "--monitor-images 1: at least 2"),
        (Monitors(interval=5), "--monitor-interval 5: nothing is measured; add --knn DIR"),
        (Monitors(images=50), "--monitor-images 50: nothing is measured"),
    ],
)
def test_wrong_options_are_one_line(monitors: Monitors, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        hooks(monitors)


def test_the_built_in_pictures_have_one_name() -> None:
    assert module.TOY == splits.TOY
