from __future__ import annotations

from mmengine.hooks import RuntimeInfoHook

from mmmim.engine.log_processor import ThroughputLogProcessor
from mmmim.engine.loss_buffer import LossBuffer
from mmmim.errors import UsageError
from mmmim.registry import HOOKS


@HOOKS.register_module()
class BufferedRuntimeInfoHook(RuntimeInfoHook):
    """MMEngine's ``RuntimeInfoHook`` without its host sync per loss and step.

    Losses stay on the device until a line is logged; then each step's losses, averaged over the ranks, are written to
    the message hub.

    Args:
        history: How many steps of each logged value are kept. MMEngine keeps a million and copies them all in each
            step; the ``window_size`` of the log processor cannot be longer than this.
    """

    def __init__(self, history: int = 1000) -> None:
        self.history = history
        self.losses = LossBuffer()

    def before_train(self, runner) -> None:
        super().before_train(runner)
        if not isinstance(runner.log_processor, ThroughputLogProcessor):
            raise UsageError(
                "log_processor: BufferedRuntimeInfoHook needs dict(type='mmmim.ThroughputLogProcessor'), which reads "
                f"the buffered losses; got {type(runner.log_processor).__name__}"
            )

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs: dict | None = None) -> None:
        values = dict(outputs or {})
        grad_norm = getattr(runner.optim_wrapper, "grad_norm", None)
        if grad_norm is not None:
            values["grad_norm"] = grad_norm
        if values:
            self.losses.append(runner.iter, values)
        if len(self.losses) == self.history:
            self.before_log(runner)

    def before_log(self, runner) -> None:
        """Write the pending losses to the message hub; ``ThroughputLogProcessor`` calls it on every rank."""
        for step in self.losses.drain(average_ranks=True):
            for name, value in step.values.items():
                runner.message_hub.update_scalar(f"train/{name}", value)
        for buffer in runner.message_hub.log_scalars.values():
            buffer.max_length = self.history
