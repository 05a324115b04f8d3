from __future__ import annotations

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook


class SafeBestCheckpoint(CheckpointHook):
    """MMEngine's ``CheckpointHook`` that writes the best checkpoint before it deletes the previous one."""

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        """Save the best checkpoint, and delete the previous one afterwards."""
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
            if path and written[key] not in (None, path) and is_main_process():
                self._remove(path)

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

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):  # of a sharded run
            self.file_backend.rmtree(path)

    def _path(self, file: str) -> str:
        return self.file_backend.join_path(self.out_dir, Path(file).name)
