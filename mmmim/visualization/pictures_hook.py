from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from mmmim.config.crops import crop_size
from mmmim.engine.hooks import Monitor
from mmmim.engine.hooks.monitor import eval_mode
from mmmim.engine.sharding import ShardedDataParallel
from mmmim.errors import UsageError
from mmmim.evaluation.splits import training_images
from mmmim.evaluation.watched import choose_images
from mmmim.registry import HOOKS

from .reconstruction import predicts_normalised, reconstruction_columns
from .sources import load_crops, normalisation, normalise
from .tiles import tile

NAME = "reconstruction"


@HOOKS.register_module()
class PicturesHook(Monitor):
    """A hook that draws what the model reconstructs of a few images, which have the same masks each time.

    The visualizer's backends get the picture: the run's folder has ``vis_data/vis_image/reconstruction_<epoch>.png``,
    and TensorBoard shows it under ``reconstruction``. Configs name the hook by its module,
    ``mmmim.visualization.pictures_hook.PicturesHook``, so that runs without it need not import what it draws with.

    Args:
        images: A folder of images, or ``toy`` for the built-in pictures. Default: the training images.
        num: Number of images.
    """

    def __init__(
        self, interval: int | None = None, by_epoch: bool | None = None, images: str | None = None, num: int = 8
    ) -> None:
        super().__init__(interval, by_epoch)
        if num < 1:
            raise UsageError(f"num: {num} must be at least 1.")
        self.images, self.num = images, num
        self.crops: Any = None  # (B,C,H,W) uint8

    def prepare(self, runner: Runner) -> None:
        model = _plain(runner)
        if not hasattr(model, "draw_picture_mask"):
            raise UsageError(f"--pictures: {type(model).__name__} predicts no images; it is for pre-training")
        self.crops = self._load(runner, model)
        if not isinstance(runner.model, ShardedDataParallel):  # whose parts run only after its first step
            with eval_mode(model), torch.no_grad():
                _predict(model, self.crops[:1])  # refuses what cannot be drawn before anything is trained

    def _load(self, runner: Runner, model: Any) -> Tensor:
        if self.images is not None:
            return load_crops(runner.cfg, model, self.images, self.num)
        dataset: Any = training_images(runner.cfg, crop_size(runner.cfg, model.backbone.img_size))
        chosen = choose_images(dataset, self.num)
        return torch.stack([chosen[index]["inputs"] for index in range(len(chosen))])

    def measure(self, runner: Runner, step: int) -> dict[str, float]:
        model = _plain(runner)
        prediction = _predict(model, self.crops)
        if is_main_process():
            columns, _ = reconstruction_columns(prediction, *normalisation(model), predicts_normalised(model))
            runner.visualizer.add_image(NAME, tile(columns), step=step)
        return {}


def _plain(runner: Runner) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _predict(model: Any, crops: Tensor) -> dict[str, Any]:
    """Return the pictures of uint8 crops with the masks of step 0."""
    generator = model.step_generator
    model.set_step(0, 0)
    try:
        return model.predict(normalise(model, crops))
    finally:
        model.step_generator = generator
