"""The work of ``tools/analysis/step_share.py``."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor

from mmmim.launch.options import load_config
from mmmim.models.target_generators import EncoderTarget
from mmmim.visualization.options import TOY
from mmmim.visualization.sources import load_crops

PARTS = ("input", "mask", "loss", "momentum", "optimizer")
Seconds = dict[str, float]


class Stopwatch:
    """Adds up the time that calls of some methods take; watched calls inside another one are not counted twice."""

    def __init__(self) -> None:
        self.seconds: Seconds = defaultdict(float)
        self._running = False

    def watch(self, owner: Any, method: str, part: str) -> None:
        """Count the calls of ``owner.method`` as the part ``part``; do nothing where there is no such method."""
        if not hasattr(owner, method):
            return
        function = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            if self._running:
                return function(*args, **kwargs)
            self._running, start = True, time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self._running = False
                self.seconds[part] += time.process_time() - start

        object.__setattr__(owner, method, timed)


def watch_loss(model: Any, watch: Stopwatch) -> Callable[[], None]:
    """Record what enters the head, and return a function that repeats only the loss, forward and backward."""
    function = model.head.loss
    entered: list[Any] = []

    def recorded(*args: Any, **kwargs: Any) -> Any:
        entered[:] = [args, kwargs]
        return function(*args, **kwargs)

    def repeat() -> None:
        (prediction, *others), kwargs = entered
        prediction = prediction.detach().requires_grad_()
        start = time.process_time()
        losses = function(prediction, *others, **kwargs)
        sum(value for name, value in losses.items() if "loss" in name).backward()
        watch.seconds["loss"] += time.process_time() - start

    object.__setattr__(model.head, "loss", recorded)
    return repeat


def measure_step(config: str, batch: int, steps: int) -> tuple[Seconds, float]:
    """Return the CPU seconds per step of each part, and of the whole step."""
    cfg = load_config(config)
    cfg.optim_wrapper.dtype = "float32"
    init_default_scope(cfg.default_scope)
    model: Any = MODELS.build(cfg.model).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    data: dict[str, Tensor] = dict(inputs=load_crops(cfg, model, TOY, batch))
    slow = model.target_generator if isinstance(model.target_generator, EncoderTarget) else None
    watch = Stopwatch()
    for method in ("draw_degradation", "degrade", "clean", "views"):
        watch.watch(model, method, "input")
    watch.watch(model.data_preprocessor, "forward", "input")
    watch.watch(model, "draw_mask", "mask")
    if slow is None:
        watch.watch(model.target_generator, "forward", "loss")
    watch.watch(wrapper, "step", "optimizer")
    watch.watch(wrapper, "zero_grad", "optimizer")
    watch.watch(slow, "update", "momentum")
    repeat_loss = watch_loss(model, watch)
    whole = 0.0
    for step in range(steps + 1):
        if step == 1:
            watch.seconds.clear()
            whole = 0.0
        model.set_step(0, step)
        start = time.process_time()
        model.train_step(data, wrapper)
        if slow is not None:
            slow.update()
        whole += time.process_time() - start
        repeat_loss()
    return {part: watch.seconds[part] / steps for part in PARTS}, whole / steps


def measure(args: argparse.Namespace) -> None:
    """Time the steps of all configs and print the share of each part."""
    torch.set_num_threads(args.threads)
    MMLogger.get_instance("step_share", log_level="ERROR")
    print(f"{'config':46s}      step" + "".join(f"{part:>12s}" for part in (*PARTS, "together")))
    for config in args.configs:
        parts, whole = measure_step(config, args.batch, args.steps)
        shares = "".join(f"{value / whole:12.2%}" for value in (*parts.values(), sum(parts.values())))
        print(f"{'/'.join(Path(config).parts[-2:]):46s} {whole:8.3f}s{shares}", flush=True)
