from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmmim.errors import UsageError
from mmmim.launch.options import use_checkpoint
from mmmim.models.classifiers.labels import check_classes

CONFIGS = Path(__file__).parents[3] / "configs"


def runner(tmp_path, num_classes: int) -> Runner:
    cfg = Config.fromfile(CONFIGS / "ccmim/downstream/linear_vit-tiny_toy.py")
    use_checkpoint(cfg, "none")
    cfg.merge_from_dict(
        dict(
            work_dir=str(tmp_path),
            experiment_name=f"classes_{num_classes}",
            log_level="WARNING",
            model=dict(head=dict(num_classes=num_classes)),
            train_dataloader=dict(batch_size=8, dataset=dict(num_images=8)),
            val_dataloader=dict(dataset=dict(num_images=8)),
            train_cfg=dict(max_epochs=1, val_interval=1),
        )
    )
    return Runner.from_cfg(cfg)


@pytest.mark.parametrize("num_classes", [5, 1000])
def test_another_number_of_classes_stops_before_the_first_step(tmp_path, num_classes):
    run = runner(tmp_path, num_classes)
    with pytest.raises(
        UsageError, match=rf"data have 8 classes \(.*, \.\.\.\), but model.head.num_classes={num_classes}"
    ):
        run.train()


def test_the_same_number_trains(tmp_path):
    run = runner(tmp_path, 8)
    run.train()
    assert run.iter == 1


def test_data_without_named_classes_pass():
    check_classes((), 1000)
    check_classes(("a", "b"), 2)
