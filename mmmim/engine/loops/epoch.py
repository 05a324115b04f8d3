from __future__ import annotations

import time
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import BatchSampler

from mmmim.engine.internals import end_workers
from mmmim.engine.loops.side_stream import on_device
from mmmim.engine.train_layout import LAYOUT, train_layout
from mmmim.errors import UsageError
from mmmim.registry import LOOPS


@LOOPS.register_module()
class EpochTrainLoop(EpochBasedTrainLoop):
    """MMEngine's epoch loop that can also resume in the middle of an epoch, at exactly the next sample.

    The place in the epoch follows from the checkpoint's ``meta['epoch']`` and ``meta['iter']``. A sampler with
    ``set_start(n)``, such as ``EpochSampler``, begins at the right sample; with another one the batches before it are
    loaded and dropped. A checkpoint of the last step of an epoch resumes with that epoch's end (validation,
    schedulers stepped by epoch). Sample order and augmentation continue with the seed of the first run.

    Args:
        stop_after: End the run after this many iterations in total, with the schedules of the whole run; for smoke
            tests.

    Raises:
        UsageError: The checkpoint comes from a run with another number of iterations per epoch.
    """

    def __init__(self, runner, dataloader, max_epochs: int, stop_after: int | None = None, **kwargs: Any) -> None:
        super().__init__(runner, dataloader, max_epochs, **kwargs)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if hasattr(model, "check_dataset"):  # classifiers compare the classes of the data with theirs
            model.check_dataset(self.dataloader.dataset)
        sampler = getattr(self.dataloader.batch_sampler, "sampler", self.dataloader.sampler)
        check_batches(len(self.dataloader), len(sampler), self.dataloader.batch_size)
        # The Runner builds the schedulers after the loop.
        runner.param_schedulers = without_empty_schedulers(runner.param_schedulers, len(self.dataloader))
        self.stop_after = stop_after
        self.data_seconds = 0.0  # time that the current step waited for its batch
        self.sampler = sampler
        self.can_skip = type(self.dataloader.batch_sampler) is BatchSampler and hasattr(self.sampler, "set_start")

    def run(self):
        self._continue_run_of_checkpoint()
        model = super().run()
        end_workers(self.dataloader)
        return model

    def run_epoch(self) -> None:
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        if done < len(self.dataloader):
            self._run_batches(done)
        if self.stop_training:
            return
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def _run_batches(self, done: int) -> None:
        if self.can_skip:
            self.sampler.set_start(done * self.dataloader.batch_sampler.batch_size)
        elif done:
            self.runner.logger.warning(
                f"{type(self.sampler).__name__} has no set_start: loading and dropping {done} batches to find the place"
            )
        device = next((param.device for param in self.runner.model.parameters()), torch.device("cpu"))
        asked = time.perf_counter()
        # No variable refers to the iterator, so its workers end with this loop even if a traceback keeps the frame.
        for idx, batch in enumerate(on_device(self.dataloader, device), start=done if self.can_skip else 0):
            self.data_seconds = time.perf_counter() - asked
            if idx >= done:
                self.run_iter(idx, batch)
            if self.stop_after is not None and self._iter >= self.stop_after:
                self.stop_training, self.val_begin = True, self._max_epochs + 1
                return
            asked = time.perf_counter()

    def _continue_run_of_checkpoint(self) -> None:
        """Compare the run with the one that wrote the checkpoint, whose facts the message hub holds after a resume."""
        facts = train_layout(self.runner)
        before = self.runner.message_hub.runtime_info.get(LAYOUT, facts)
        done = self._iter - self._epoch * len(self.dataloader)
        if before["epoch_length"] != facts["epoch_length"] or not 0 <= done <= len(self.dataloader):
            raise UsageError(
                f"cannot resume at epoch {self._epoch}, iteration {self._iter}: the checkpoint is of a run with "
                f"{_layout(before)}, this one has {_layout(facts)}. Resume with the same batch size x processes and "
                "the same data, or start a new run from its weights: load_from=CHECKPOINT, resume=False"
            )
        self.runner.message_hub.update_info(LAYOUT, facts)
        self._continue_sample_order()

    def _continue_sample_order(self) -> None:
        """Give the sampler the checkpoint's seed, which was unknown when the sampler was built."""
        seed = getattr(self.sampler, "seed", None)
        if seed is None:
            return
        before = self.runner.message_hub.runtime_info.get("sampler_seed", seed)
        if before != seed:
            self.runner.logger.warning(f"continuing with the checkpoint's sample seed {before} in place of {seed}")
            self.sampler.seed = before
        self.runner.message_hub.update_info("sampler_seed", before)


def _layout(facts: dict) -> str:
    return (
        f"{facts['epoch_length']} iterations per epoch (batch {facts['batch_size']} x {facts['processes']} processes)"
    )


def without_empty_schedulers(configs: Any, epoch_length: int) -> Any:
    """Return the scheduler configs without those that end before their first iteration.

    MMEngine rounds begin and end down to iterations and refuses an empty scheduler, such as a warm-up of half an epoch
    of one batch.
    """
    if isinstance(configs, dict) and "type" not in configs:  # schedulers of several optimizers, by name
        return {name: without_empty_schedulers(each, epoch_length) for name, each in configs.items()}
    if not isinstance(configs, list):
        return configs

    def is_empty(config: Any) -> bool:
        if not isinstance(config, dict) or not config.get("convert_to_iter_based") or config.get("end") is None:
            return False
        return int(config["end"] * epoch_length) <= int(config.get("begin", 0) * epoch_length)

    return [config for config in configs if not is_empty(config)]


def check_batches(batches: int, images: int | None, batch_size: int | None) -> None:
    """Refuse data that does not fill a single batch.

    Raises:
        UsageError: There is no batch; the message names the number of images and the batch size.
    """
    if batches < 1:
        raise UsageError(
            f"train_dataloader: {images} images of a process make no batch of {batch_size}; use a smaller batch_size, "
            "more images, or drop_last=False"
        )
