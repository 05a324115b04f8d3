from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process

from mmmim.checkpoint.files import (
    ATOMIC_BACKEND,
    VALIDATION_FILE,
    make_plain,
    newest_good_checkpoint,
    note_validation,
    point_to,
    remove_checkpoint,
    remove_leftovers,
)
from mmmim.engine.background_save import BackgroundWriter, snapshot
from mmmim.engine.internals import Collected, Start, set_start, start_of
from mmmim.engine.optim.wrappers import no_gradients_pending
from mmmim.engine.sharded_checkpoint import writes_shares
from mmmim.engine.stop_signal import StopSignal
from mmmim.errors import UsageError
from mmmim.registry import HOOKS

from .best_checkpoint import SafeBestCheckpoint
from .releasing import ReleasingHook

ROLLING = "rolling.pth"


@HOOKS.register_module()
class SafeCheckpointHook(SafeBestCheckpoint, ReleasingHook):
    """MMEngine's ``CheckpointHook`` whose newest file survives a crash, a full disk or a pre-emption.

    A file is written under a temporary name and renamed when it is complete and on the disk; older files are deleted
    after that. If a write fails, this is logged and training continues with the previous file in place; only the last
    write of a run raises. Before ``--resume`` the newest file is compared with its checksums; if it is damaged, this is
    logged and the next older file is used. With gradient accumulation a save waits for the end of the window, since
    gradients are not stored. Files load with ``torch.load(weights_only=True)``.

    The checkpoint of a :class:`ShardedDataParallel` is a folder of that name, to which each process writes its share.

    Besides the files of ``interval``, which are kept, ``rolling.pth`` is written and overwritten, so that a run that is
    killed loses some minutes at most. It is written in the background from a copy in host memory, and removed when
    training ends.

    On SIGTERM or SIGUSR1 the run saves at the end of the next step (or window) and exits with code 75 (``EX_TEMPFAIL``:
    start again with ``--resume``), on Ctrl-C with 130; a second Ctrl-C ends it at once.

    Args:
        rolling_minutes: Time after which ``rolling.pth`` is written, counted from the last checkpoint; 0 for never.
        rolling_interval: Epochs or iterations (depending on ``by_epoch``) after which it is written; -1 for never.
        signals: Names of the signals to obey; ``()`` for none.
        signal_interval: With several processes, the number of steps between two exchanges of whether a signal arrived
            or the time is up; each exchange waits for the device.
        kwargs: Arguments of MMEngine's hook: ``interval``, ``by_epoch``, ``max_keep_ckpts``, ``save_last``,
            ``save_best`` and others.
    """

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        rolling_interval: int = -1,
        rolling_minutes: float = 10.0,
        signals: Sequence[str] = ("SIGTERM", "SIGUSR1", "SIGINT"),
        signal_interval: int = 10,
        backend_args: dict | None = None,
        **kwargs: Any,
    ) -> None:
        out_dir = str(kwargs.get("out_dir") or "")
        if backend_args is None and kwargs.get("file_client_args") is None and "://" not in out_dir:
            backend_args = dict(backend=ATOMIC_BACKEND)
        super().__init__(interval=interval, by_epoch=by_epoch, backend_args=backend_args, **kwargs)
        if rolling_minutes < 0:
            raise UsageError(f"rolling_minutes: expected minutes from 0 (never) on, got {rolling_minutes}")
        self.rolling_interval, self.rolling_minutes = rolling_interval, rolling_minutes
        self._writer = BackgroundWriter()
        self._captures = False  # whether the checkpoint that the Runner collects is written in the background
        self._last_save = time.monotonic()
        self.stop_signal = StopSignal(signals, signal_interval)
        self.last_ckpt: str | None = None
        # The save that waits for the end of an accumulation window: ROLLING or the number of a step.
        self._due: str | int | None = None

    def before_run(self, runner) -> None:
        """Choose the file to resume from before the Runner resolves ``resume=True`` without a check."""
        folder = Path(runner.work_dir)
        if self.out_dir is not None:
            folder = Path(self.out_dir, folder.name)
        file, resumes = start_of(runner)
        chosen = [file]
        if is_main_process():
            remove_leftovers(folder)
            if resumes and file is None:
                found = newest_good_checkpoint(runner.work_dir, folder)
                chosen = [None if found is None else str(found)]
            if not resumes:
                Path(runner.work_dir, VALIDATION_FILE).unlink(missing_ok=True)  # written by an earlier run
        broadcast_object_list(chosen)
        set_start(runner, Start(chosen[0], resumes and chosen[0] is not None))

    def before_train(self, runner) -> None:
        super().before_train(runner)
        if writes_shares(runner) and "://" in str(self.out_dir):
            raise UsageError(
                f"default_hooks.checkpoint.out_dir={str(self.out_dir)!r}: a sharded run writes to a folder of the file "
                "system; give one, or write single files with custom_hooks=[dict(type='mmmim.GatherHook')]"
            )
        file, resumes = start_of(runner)
        if resumes and file is not None:
            self.last_ckpt = file
        if self.save_best:  # the checkpoint stores names only, as the folder may be a copy of another run's
            self._best_files = {key: name and self._path(name) for key, name in self._best_files.items()}
        self.stop_signal.install(runner.train_dataloader)
        self._last_save = time.monotonic()

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs: dict | None = None) -> None:
        place = dict(epoch=runner.epoch, iter=runner.iter + 1)
        if not self.by_epoch:
            self._plan(runner.iter + 1, runner.max_iters)
        minutes = (time.monotonic() - self._last_save) / 60
        stops, saves = self.stop_signal.poll(runner.iter, 0 < self.rolling_minutes <= minutes)
        if saves and self._due is None:
            self._due = ROLLING
        self._save_if_due(runner, place)
        if stops and no_gradients_pending(runner.optim_wrapper):
            self._stop(runner, place)

    def after_train_epoch(self, runner) -> None:
        if self.by_epoch:
            self._plan(runner.epoch + 1, runner.max_epochs)
            self._save_if_due(runner, dict(epoch=runner.epoch + 1, iter=runner.iter))

    def after_val_epoch(self, runner, metrics: dict) -> None:
        super().after_val_epoch(runner, metrics)
        if self.out_dir is not None and is_main_process():  # this validation is part of a training
            note_validation(runner.work_dir, runner.iter)

    def after_train(self, runner) -> None:
        super().after_train(runner)
        self._writer.wait()
        self._report_failure(runner)
        self.release()
        if is_main_process() and self.last_ckpt is not None and not self.last_ckpt.endswith(ROLLING):
            remove_checkpoint(Path(self.out_dir, ROLLING))

    def release(self) -> None:
        self.stop_signal.restore()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        make_plain(checkpoint)
        if self._captures:
            raise Collected(snapshot(checkpoint))

    def _plan(self, step: int, last_step: int) -> None:
        after_begin = step - self.save_begin
        if (self.interval > 0 and after_begin >= 0 and after_begin % self.interval == 0) or (
            self.save_last and step == last_step
        ):
            self._due = step
        elif self.rolling_interval > 0 and step % self.rolling_interval == 0 and self._due is None:
            self._due = ROLLING

    def _save_if_due(self, runner, place: dict) -> None:
        if self._due is not None and no_gradients_pending(runner.optim_wrapper):
            due, self._due = self._due, None
            if isinstance(due, int):
                self._save_checkpoint_with_step(runner, due, place)
            else:
                self._write_rolling(runner, place)

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        """Save the numbered checkpoint of a step; MMEngine also calls this for a new best score after a validation."""
        if not no_gradients_pending(runner.optim_wrapper):
            return
        outdated = []
        if self.max_keep_ckpts > 0:
            kept = [*(s for s in self.keep_ckpt_ids if s != step), step]
            outdated, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
            self.keep_ckpt_ids.clear()  # a step may be saved twice, the second time for a new best score
            self.keep_ckpt_ids.extend(kept)
            runner.message_hub.update_info("keep_ckpt_ids", kept)
        is_saved = self._write(runner, self.filename_tmpl.format(step), meta, is_last=meta["iter"] == runner.max_iters)
        if is_saved and is_main_process():
            for old in outdated:
                self._remove(self._path(self.filename_tmpl.format(old)))

    def _write(self, runner, filename: str, meta: dict, is_last: bool = False) -> bool:
        self._writer.wait()
        runner.call_hook("before_checkpoint")
        runner.logger.info(f"Saving checkpoint {filename} at epoch {meta['epoch']}, iteration {meta['iter']}")
        path = self._path(filename)
        try:
            runner.save_checkpoint(
                self.out_dir,
                filename,
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=dict(meta),
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
            if is_main_process():
                point_to(path, runner.work_dir)
        except OSError as error:
            if is_last:
                raise
            runner.logger.error(f"Could not write {path}: {error}. Training goes on, earlier checkpoints are unchanged")
            return False
        self._note_saved(runner, path)
        return True

    def _write_rolling(self, runner, place: dict) -> None:
        """Write ``rolling.pth`` in the background if its place is a local folder and the model whole, else at once."""
        self._writer.wait()
        self._report_failure(runner)
        if (self.backend_args or {}).get("backend") != ATOMIC_BACKEND or writes_shares(runner):
            self._write(runner, ROLLING, place)
            return
        runner.call_hook("before_checkpoint")
        self._captures, captured = True, None
        try:
            runner.save_checkpoint(
                self.out_dir, ROLLING, meta=dict(place), by_epoch=self.by_epoch,
                save_optimizer=self.save_optimizer, save_param_scheduler=self.save_param_scheduler,
            )  # fmt: skip
        except Collected as collected:
            captured = collected.checkpoint
        finally:
            self._captures = False
        path, work_dir = self._path(ROLLING), runner.work_dir
        runner.logger.info(f"Saving checkpoint {ROLLING} at epoch {place['epoch']}, iteration {place['iter']}")
        if captured is not None:  # on the first process
            self._writer.write(captured, Path(path), lambda: point_to(path, work_dir))
        self._note_saved(runner, path)

    def _report_failure(self, runner) -> None:
        """Log that the last rolling checkpoint could not be written."""
        if (error := self._writer.error()) is not None:
            runner.logger.error(
                f"Could not write {ROLLING}: {error}. Training goes on, earlier checkpoints are unchanged"
            )

    def _note_saved(self, runner, path: str) -> None:
        self.last_ckpt = path
        self._last_save = time.monotonic()
        runner.message_hub.update_info("last_ckpt", path)

    def _stop(self, runner, place: dict) -> None:
        self._write(runner, ROLLING, place, is_last=True)
        self.release()
        runner.logger.warning(
            f"{self.stop_signal.received or 'a signal on another process'}: saved {self.last_ckpt}; "
            f"exiting with code {self.stop_signal.exit_code}, start again with --resume"
        )
        raise SystemExit(self.stop_signal.exit_code)
