from __future__ import annotations

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmmim.errors import UsageError
from mmmim.registry import HOOKS

from .encoder_monitor import MOST, EncoderMonitor
from .spectrum import feature_spectrum
from .splits import training_images
from .watched import WatchedImages, choose_images


@HOOKS.register_module()
class RankMeHook(EncoderMonitor):
    """A hook that logs how many directions the encoder's features use during pre-training, without labels.

    They are ``rankme/rankme``, ``rankme/effective_rank`` and ``rankme/spread``, which
    :func:`~.spectrum.feature_spectrum` defines, of some of the training images without augmentation.

    Args:
        num_images: How many of the training images are used. Default: 2,000, and in short runs fewer, down to 200.
    """

    def __init__(
        self,
        interval: int | None = None,
        by_epoch: bool | None = None,
        pool: str = "avg",
        num_images: int | None = None,
    ) -> None:
        super().__init__(interval, by_epoch, pool)
        if num_images is not None and num_images < 2:
            raise UsageError(f"num_images: {num_images} must be at least 2.")
        self.num_images, self.images = num_images, ""

    def prepare(self, runner: Runner) -> None:
        super().prepare(runner)
        count = self.num_images or min(MOST, self.usual_images(runner))
        chosen = choose_images(training_images(runner.cfg), count)
        if len(chosen) < 2:
            raise UsageError("--rankme: the rank of features needs at least 2 training images")
        self.images = f"training {len(chosen)}"
        WatchedImages.of(runner).add(self.images, chosen)
        self.announce(runner, f"{len(chosen):,} training images")

    def measure(self, runner: Runner, step: int) -> dict[str, float]:
        features = WatchedImages.of(runner).features(self.images, runner, self.pool)
        if not is_main_process():
            return {}
        return {f"rankme/{name}": value for name, value in feature_spectrum(features.x).items()}
