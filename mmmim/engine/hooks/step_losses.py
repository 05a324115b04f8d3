from __future__ import annotations

import json
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmmim.engine.loss_buffer import LossBuffer
from mmmim.errors import UsageError
from mmmim.registry import HOOKS


@HOOKS.register_module()
class StepLossHook(Hook):
    """Writes every step's losses, averaged over the ranks, to a JSON-lines file: ``{"iter": 0, "loss": 0.5, ...}``.

    A resumed run keeps the lines before its first iteration, so the file is that of an uninterrupted run.

    Args:
        out_file: The file to write; a relative path is inside the work directory.
        interval: Steps between two writes. Pending steps are also written before a checkpoint and at the end.
    """

    priority = "LOW"

    def __init__(self, out_file: str = "step_losses.jsonl", interval: int = 50) -> None:
        if interval < 1:
            raise UsageError(f"interval: expected a number of steps >= 1, got {interval}")
        self.out_file = out_file
        self.interval = interval
        self.losses = LossBuffer()

    def before_train(self, runner) -> None:
        self.path = Path(runner.work_dir, self.out_file)
        if is_main_process():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
            kept = [line for line in lines if line.endswith("}") and json.loads(line)["iter"] < runner.iter]
            self.path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs: dict | None = None) -> None:
        if outputs:
            self.losses.append(runner.iter, outputs)
        if self.every_n_train_iters(runner, self.interval):
            self.flush()

    def before_checkpoint(self, runner) -> None:
        """Write the pending losses; ``SafeCheckpointHook`` calls it on every rank before it saves."""
        self.flush()

    def after_train(self, runner) -> None:
        self.flush()

    def flush(self) -> None:
        """Write the pending losses to the file; every rank has to call it after the same step."""
        steps = self.losses.drain(average_ranks=True)
        if steps and is_main_process():
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(dict(iter=step.iteration, **step.values)) + "\n" for step in steps)
