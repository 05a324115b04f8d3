from __future__ import annotations

from mmengine.dist import get_world_size
from mmengine.runner import LogProcessor

from mmmim.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class ThroughputLogProcessor(LogProcessor):
    """MMEngine's log processor with progress in percent, images per second and the share of time waiting for data.

    ``images_per_second`` is global: batch size per process x processes / mean step time. ``data_wait`` is mean data
    time / mean step time in percent; near 0 the device is the limit, near 100 the loader is. Both are also written to
    the scalars file. Means are over ``window_size`` steps of this rank; losses are means over the ranks as well. This
    holds for runs by epoch and by iteration, and for training, validation and test.
    """

    def __init__(self, window_size: int = 50, **kwargs) -> None:
        super().__init__(window_size=window_size, **kwargs)

    def get_log_after_iter(self, runner, batch_idx: int, mode: str) -> tuple[dict, str]:
        if mode == "train":
            runner.call_hook("before_log")
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        shown = self._add_speed(tag, runner, mode)
        if mode == "train":
            shown.insert(0, f"{100 * (runner.iter + 1) / runner.max_iters:.2f}%")
        header, bracket, rest = line.partition("]  ")
        return tag, f"{header}{bracket}{'  '.join(shown)}  {rest.lstrip()}"

    def get_log_after_epoch(self, runner, batch_idx: int, mode: str, with_non_scalar: bool = False) -> tuple[dict, str]:
        tag, line = super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)
        return tag, "  ".join([line, *self._add_speed(tag, runner, mode)])

    def _add_speed(self, tag: dict, runner, mode: str) -> list[str]:
        prefix = f"{mode}/" if self.log_with_hierarchy else ""
        seconds = tag.get(f"{prefix}time")
        batch_size = batch_size_of(getattr(runner, f"{mode}_dataloader"))
        if not seconds or not batch_size:
            return []
        images_per_second = batch_size * get_world_size() / seconds
        data_wait = 100 * tag[f"{prefix}data_time"] / seconds
        tag[f"{prefix}images_per_second"] = float(images_per_second)
        tag[f"{prefix}data_wait"] = float(data_wait)
        return [f"images/s: {images_per_second:.1f}", f"data_wait: {data_wait:.1f}%"]


def batch_size_of(dataloader) -> int | None:
    """Return the number of images in a batch of one process, or None if its sampler does not tell."""
    if dataloader.batch_size is not None:
        return dataloader.batch_size
    return getattr(dataloader.batch_sampler, "batch_size", None)
