from __future__ import annotations

from mmengine.config import Config

from mmmim.config.crops import crop_size


def test_images_have_the_size_of_the_training_crops(task_config) -> None:
    sizes = {task: crop_size(Config.fromfile(task_config(task)), (1, 2)) for task in ("masked", "distorted-48")}
    assert sizes == {"masked": (32, 32), "distorted-48": (48, 48)}
    assert crop_size(Config(), (1, 2)) == (1, 2)
