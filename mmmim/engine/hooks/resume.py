from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop

from mmmim.checkpoint.files import is_validated, read_stored_run
from mmmim.checkpoint.reader import is_checkpoint
from mmmim.engine.internals import start_of, update_val_interval
from mmmim.engine.regroup import regroup
from mmmim.engine.resumed_settings import (
    OptimizerSettings,
    changed_settings,
    check_optimizer_state,
    settings,
    use_settings,
)
from mmmim.engine.train_layout import LAYOUT, layout_changes, train_layout
from mmmim.errors import UsageError
from mmmim.registry import HOOKS


@HOOKS.register_module()
class ResumeHook(Hook):
    """Resumes a run with the current settings of its config, and finishes what the interrupted run left open.

    - A checkpoint contains learning rates, weight decays, betas and schedules besides the moments, and MMEngine
      restores all of them. If the config has other values now, each change is logged, old and new, and from the next
      step on optimizer and schedules are where a run with the new settings would be; the moments are kept. Without a
      change everything is restored from the checkpoint bit by bit.
    - If the number of images or the global batch is another one, the run is refused, unless ``allow_changes`` is set.
    - A validation that was due when the checkpoint was written, but was killed, is run again.
    - If the run is already finished, this is logged.

    Args:
        allow_changes: Go on with other data or another batch; what changes is logged.

    Raises:
        UsageError: The checkpoint has no optimizer state, or one that does not belong to this model and optimizer, or
            it is of a run with other data or another batch.
    """

    priority = "LOWEST"  # so that the checkpoint hook has chosen the file before

    def __init__(self, allow_changes: bool = False) -> None:
        self.allow_changes = allow_changes
        self.changed: dict[str, OptimizerSettings] | None = None

    def before_run(self, runner: Any) -> None:
        file, resumes = start_of(runner)
        if not resumes or file is None or not is_checkpoint(file):
            return
        stored = read_stored_run(file)
        regroup(stored, runner, file)
        check_optimizer_state(stored["optimizer"], runner, file)
        self._check_layout(runner, stored, file)
        new = settings(runner)
        if changes := changed_settings(stored, new):
            self.changed = new
            for change in changes:
                runner.logger.warning(f"--resume with another setting, from the next step on: {change}")

    def _check_layout(self, runner: Any, stored: dict[str, Any], file: str) -> None:
        now = train_layout(runner)
        before = stored["message_hub"].get("runtime_info", {}).get(LAYOUT) or now
        if before.get("epoch_length") != now.get("epoch_length"):
            return  # EpochTrainLoop refuses it in any case
        changes = layout_changes(before, now)
        if changes and not self.allow_changes:
            raise UsageError(
                f"--resume: {file} is of a run with other data or another batch: {'; '.join(changes)}. Set them back, "
                f"start a new run from its weights (--cfg-options load_from={file}), or go on all the same with "
                "--cfg-options default_hooks.resume.allow_changes=True"
            )
        for change in changes:
            runner.logger.warning(f"--resume with other data or another batch: {change}")

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        file, resumes = start_of(runner)
        if resumes and "optimizer" in checkpoint and isinstance(runner.optim_wrapper, OptimWrapper):
            regroup(checkpoint, runner, str(file))

    def before_train(self, runner: Any) -> None:
        runner.message_hub.update_info(LAYOUT, train_layout(runner))
        if self.changed is not None:
            use_settings(runner, self.changed)
            self.changed = None
        file, resumes = start_of(runner)
        if not resumes or runner.iter == 0:
            return
        loop = runner.train_loop
        in_epochs = isinstance(loop, EpochBasedTrainLoop)
        done, last = (loop.epoch, loop.max_epochs) if in_epochs else (loop.iter, loop.max_iters)
        between_epochs = not in_epochs or loop.iter == loop.epoch * len(loop.dataloader)
        if between_epochs and _validation_is_due(runner, done, last) and not is_validated(runner.work_dir, loop.iter):
            runner.logger.warning(f"the validation after iteration {loop.iter} was not finished and is run now")
            runner.val_loop.run()
        if loop.iter >= loop.max_iters:
            longer = "--epochs N" if in_epochs else "--iters N"
            runner.logger.warning(
                f"this run is finished: {file} is of iteration {loop.iter} of {loop.max_iters}, nothing "
                f"is left to train. A longer run goes on from it: --resume {longer}"
            )


def _validation_is_due(runner: Any, done: int, last: int) -> bool:
    """Return whether a validation is due, by the rule of MMEngine's loops."""
    if runner.val_loop is None:
        return False
    loop = runner.train_loop
    update_val_interval(loop)
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done == last)
