"""List the kernels that take most of the time of a training step."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.profiler import ProfilerActivity, profile

from .step import StepSettings, our_config, without_data


class _ProfileHook(Hook):
    """Records the last step of a run."""

    def __init__(self, step: int) -> None:
        self.step = step
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
        self.profile = profile(activities=activities)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if batch_idx == self.step:
            self.profile.start()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if batch_idx == self.step:
            self.profile.stop()


def kernels(config: str, variant: str, settings: StepSettings, number: int = 10) -> list[dict[str, Any]]:
    """Return the kernels of a step that take most time, of the device or of the CPU: name, calls, share of the time."""
    torch.set_num_threads(settings.threads)
    single = replace(settings, steps=1)
    with tempfile.TemporaryDirectory() as folder:
        cfg = our_config(config, variant)
        runner = Runner.from_cfg(without_data(cfg, our_config(config, variant), single, folder))
        hook = _ProfileHook(single.warmup)
        runner.register_hook(hook, "LOWEST")
        runner.train()
    key = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    events = sorted(hook.profile.key_averages(), key=lambda event: getattr(event, key), reverse=True)
    total = sum(getattr(event, key) for event in events) or 1
    return [dict(name=event.key, calls=event.count, share=getattr(event, key) / total) for event in events[:number]]
