from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook

from mmmim.checkpoint.files import (
    ATOMIC_BACKEND,
    VALIDATION_FILE,
    newest_good_checkpoint,
    note_validation,
    point_to,
    remove_leftovers,
    to_plain,
)
from mmmim.engine.internals import Start, set_start, start_of
from mmmim.engine.optim.wrappers import no_gradients_pending
from mmmim.engine.stop_signal import EXIT_CODE, StopSignal
from mmmim.registry import HOOKS

ROLLING = "rolling.pth"


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook`` whose newest file survives a crash, a full disk or a pre-emption.

    A file is written under a temporary name and renamed when it is complete and on the disk; older files are deleted
    after that. If a write fails, this is logged and training continues with the previous file in place; only the last
    write of a run raises. Before ``--resume`` the newest file is compared with its checksums; if it is damaged, this is
    logged and the next older file is used. With gradient accumulation a save waits for the end of the window, since
    gradients are not stored. Files load with ``torch.load(weights_only=True)``.

    On SIGTERM or SIGUSR1 the run saves at the end of the next step (or window) and exits with code 75 (``EX_TEMPFAIL``:
    start again with ``--resume``).

    Args:
        rolling_interval: Besides the files of ``interval``, which are kept, write and overwrite ``rolling.pth`` at this
            interval (in epochs or iterations, depending on ``by_epoch``); -1 for never. It is removed when training
            ends.
        signals: Names of the signals to obey; ``()`` for none.
        signal_interval: With several processes, the number of steps between two exchanges of whether a signal arrived;
            each exchange waits for the device.
        kwargs: Arguments of MMEngine's hook: ``interval``, ``by_epoch``, ``max_keep_ckpts``, ``save_last``,
            ``save_best`` and others.
    """

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        rolling_interval: int = -1,
        signals: Sequence[str] = ("SIGTERM", "SIGUSR1"),
        signal_interval: int = 10,
        backend_args: dict | None = None,
        **kwargs: Any,
    ) -> None:
        out_dir = str(kwargs.get("out_dir") or "")
        if backend_args is None and kwargs.get("file_client_args") is None and "://" not in out_dir:
            backend_args = dict(backend=ATOMIC_BACKEND)
        super().__init__(interval=interval, by_epoch=by_epoch, backend_args=backend_args, **kwargs)
        self.rolling_interval = rolling_interval
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
        file, resumes = start_of(runner)
        if resumes and file is not None:
            self.last_ckpt = file
        if self.save_best:  # the checkpoint stores names only, as the folder may be a copy of another run's
            self._best_files = {key: name and self._path(name) for key, name in self._best_files.items()}
        self.stop_signal.install(runner.train_dataloader)

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs: dict | None = None) -> None:
        place = dict(epoch=runner.epoch, iter=runner.iter + 1)
        if not self.by_epoch:
            self._plan(runner.iter + 1, runner.max_iters)
        self._save_if_due(runner, place)
        if self.stop_signal.poll(runner.iter) and no_gradients_pending(runner.optim_wrapper):
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
        self.stop_signal.restore()
        if is_main_process() and self.last_ckpt is not None and not self.last_ckpt.endswith(ROLLING):
            Path(self.out_dir, ROLLING).unlink(missing_ok=True)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint["meta"] = to_plain(checkpoint["meta"])
        hub = checkpoint["message_hub"]
        # Histories only smooth the log lines, and after a million steps they would be larger than the model.
        info = to_plain(dict(hub["runtime_info"]))
        resumed = {key: value for key, value in hub["resumed_keys"].items() if key in info}
        for key in info:
            if key == "last_ckpt" or key.startswith("best_ckpt"):
                info[key] = info[key] and Path(info[key]).name
        checkpoint["message_hub"] = dict(log_scalars={}, runtime_info=info, resumed_keys=resumed)

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
                self._write(runner, due, place)

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        """Save the numbered checkpoint of a step; MMEngine also calls this for a new best score after a validation."""
        if not no_gradients_pending(runner.optim_wrapper):
            return
        outdated = []
        if self.max_keep_ckpts > 0:
            kept = [*(s for s in self.keep_ckpt_ids if s != step), step]
            outdated, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
            self.keep_ckpt_ids.extend(kept)
            runner.message_hub.update_info("keep_ckpt_ids", kept)
        is_saved = self._write(runner, self.filename_tmpl.format(step), meta, is_last=meta["iter"] == runner.max_iters)
        if is_saved and is_main_process():
            for old in outdated:
                path = self._path(self.filename_tmpl.format(old))
                if self.file_backend.isfile(path):
                    self.file_backend.remove(path)

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        """Save the best checkpoint, and delete the previous one afterwards, whereas MMEngine deletes it before."""
        if not self.save_best:
            return
        runner.call_hook("before_checkpoint")  # sharded models gather here, all processes together
        before, info = self._best_files, runner.message_hub.runtime_info
        scores = {key: value for key, value in info.items() if key.startswith("best_")}
        self._best_files = dict.fromkeys(before)
        try:
            super()._save_best_checkpoint(runner, metrics)
        except OSError as error:
            runner.logger.error(f"Could not write the best checkpoint: {error}. Training goes on with the previous one")
            self._best_files = before
            for key in [key for key in info if key.startswith("best_")]:
                info.pop(key)
            info.update(scores)
            return
        written = self._best_files
        self._best_files = {key: written[key] or before[key] for key in before}
        for key, path in before.items():
            if path and written[key] not in (None, path) and is_main_process() and self.file_backend.isfile(path):
                self.file_backend.remove(path)

    @property
    def _best_files(self) -> dict[str, str | None]:
        if len(self.key_indicators) == 1:
            return {"": self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    @_best_files.setter
    def _best_files(self, files: dict[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = files[""]
        else:
            self.best_ckpt_path_dict = dict(files)

    def _path(self, file: str) -> str:
        return self.file_backend.join_path(self.out_dir, Path(file).name)

    def _write(self, runner, filename: str, meta: dict, is_last: bool = False) -> bool:
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
        self.last_ckpt = path
        runner.message_hub.update_info("last_ckpt", path)
        return True

    def _stop(self, runner, place: dict) -> None:
        self._write(runner, ROLLING, place, is_last=True)
        self.stop_signal.restore()
        runner.logger.warning(
            f"{self.stop_signal.received or 'a signal on another process'}: saved {self.last_ckpt}; "
            f"exiting with code {EXIT_CODE}, start again with --resume"
        )
        raise SystemExit(EXIT_CODE)
