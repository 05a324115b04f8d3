from __future__ import annotations

from mmengine.hooks import IterTimerHook

from mmmim.registry import HOOKS


@HOOKS.register_module()
class StepTimerHook(IterTimerHook):
    """MMEngine's ``IterTimerHook`` whose ``data_time`` is only the wait for the next batch.

    MMEngine counts from the end of the previous step's timing, so writing a checkpoint or reading the losses for a log
    line looks like slow data. ``EpochTrainLoop`` measures the wait itself; with another loop this hook behaves like
    MMEngine's.
    """

    def _before_iter(self, runner, batch_idx: int, data_batch=None, mode: str = "train") -> None:
        waited = getattr(runner.train_loop, "data_seconds", None) if mode == "train" else None
        if waited is None:
            super()._before_iter(runner, batch_idx, data_batch, mode)
        else:
            runner.message_hub.update_scalar("train/data_time", waited)
