"""Turn the errors that other libraries raise while a part of the config is built into one line, in runs and plans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from mmengine.runner import Runner

from mmmim.engine.hooks.releasing import ReleasingHook
from mmmim.engine.stuck_loader import SILENT_MINUTES, stuck_workers_named
from mmmim.errors import UsageError
from mmmim.launch.console import quieten

FOR_WORKERS = ("persistent_workers", "prefetch_factor", "timeout")  # torch refuses them without workers
# Modules that only call another library, so that an error which passed through them is not a fault of theirs.
CALLING_MODULES = (__name__, "mmmim.plan.dry_run", "mmmim.models.backbones.layer_decay_guard")


@contextmanager
def building(section: str) -> Iterator[None]:
    """Turn an error that another library raises for a part of the config into a UsageError that names the ``section``.

    An error that passed through code of this package is raised unchanged, as it may be a fault of this package, unless
    that code only called the same method of its base class.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError, AssertionError, ImportError) as error:
        if isinstance(error, UsageError) or _passed_through_us(error.__traceback__):
            raise
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise UsageError(f"{section}: {message}") from error


def _passed_through_us(trace: TracebackType | None) -> bool:
    while trace is not None:
        name, following = trace.tb_frame.f_globals.get("__name__", ""), trace.tb_next
        calls_base = following is not None and following.tb_frame.f_code.co_name == trace.tb_frame.f_code.co_name
        if name.startswith("mmmim.") and name not in CALLING_MODULES and not calls_base:
            return True
        trace = following
    return False


def _with_fitting_workers(dataloader: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which workers may be silent for some time, and without workers nothing that needs them."""
    if dataloader.get("num_workers"):
        return {"timeout": 60 * SILENT_MINUTES, **dataloader}
    return {key: value for key, value in dataloader.items() if key not in FOR_WORKERS}


class CheckedRunner(Runner):
    """MMEngine's Runner, which reports in one line which part of the config is wrong, or which worker hangs."""

    def build_logger(self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any) -> Any:
        logger = super().build_logger(log_level, log_file, **kwargs)
        quieten(logger)
        return logger

    def build_log_processor(self, log_processor: Any) -> Any:
        with building("log_processor"):
            return super().build_log_processor(log_processor)

    def build_visualizer(self, visualizer: Any = None) -> Any:
        with building("visualizer"):
            return super().build_visualizer(visualizer)

    def build_model(self, model: Any) -> Any:
        with building("model"):
            return super().build_model(model)

    def register_hook(self, hook: Any, priority: Any = None) -> None:
        with building("default_hooks, custom_hooks"):
            super().register_hook(hook, priority)

    def build_train_loop(self, loop: Any) -> Any:
        with building("train_cfg"):
            return super().build_train_loop(loop)

    def build_val_loop(self, loop: Any) -> Any:
        with building("val_cfg"):
            return super().build_val_loop(loop)

    def build_evaluator(self, evaluator: Any) -> Any:
        with building("evaluator"):
            return super().build_evaluator(evaluator)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        with building("optim_wrapper"):
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        with building("param_scheduler"):
            return super().build_param_scheduler(scheduler)

    @staticmethod
    def build_dataloader(dataloader: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(dataloader, dict):
            dataloader = _with_fitting_workers(dataloader)
        with building("dataloader"):
            return Runner.build_dataloader(dataloader, *args, **kwargs)

    def train(self) -> Any:
        try:
            with stuck_workers_named(self):
                return super().train()
        finally:
            for hook in self.hooks:
                if isinstance(hook, ReleasingHook):
                    hook.release()

    def val(self) -> Any:
        with stuck_workers_named(self):
            return super().val()

    def test(self) -> Any:
        with stuck_workers_named(self):
            return super().test()
