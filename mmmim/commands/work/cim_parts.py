"""The work of ``tools/analysis/cim_parts.py``."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor

from mmmim.launch.options import load_config
from mmmim.models.generators import Corrupted
from mmmim.plan.flops import flop_counter
from mmmim.visualization.options import TOY
from mmmim.visualization.sources import load_crops


class Parts:
    """Seconds and multiply-adds of named parts of a step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.macs: dict[str, float] = defaultdict(float)

    def run(self, name: str, function: Callable[[], Any], count: bool) -> Any:
        """Call ``function``, add its cost to the part ``name``, and return its result."""
        start = time.process_time()
        with flop_counter() as counter:
            result = function()
        self.seconds[name] += time.process_time() - start
        self.macs[name] += counter.get_total_flops() / 2 if count else 0
        return result


def run_step(model: Any, wrapper: Any, images: Tensor, step: int, parts: Parts) -> None:
    """Run one step of ``CIM.loss`` and its update, part by part."""
    model.set_step(0, step)
    generator, mask = model.generator, model.draw_mask(images)
    lender = model.backbone if model.share_layers else None
    golden = parts.run("encode", lambda: generator.golden(images), count=True)

    def predict() -> Tensor:
        logits = generator.logits(images, mask, lender)
        generator.losses(logits, golden.gather(1, mask.hidden))["loss_generator"].backward()
        return logits.detach()

    logits = parts.run("generator", predict, count=True)

    def paint() -> tuple[Tensor, Tensor]:
        ids = generator.sample(golden, logits, mask)
        return generator.paint(ids, images), (ids != golden).view(-1, *mask.grid)

    painted, replaced = parts.run("paint", paint, count=True)

    def enhance() -> None:
        target = model.target(images, Corrupted(painted, replaced, {}))
        losses = model.head.loss(model.enhance(painted), target)
        sum(value for name, value in losses.items() if name.startswith("loss")).backward()

    parts.run("enhancer", enhance, count=True)
    parts.run("optimizer", lambda: (wrapper.step(), wrapper.zero_grad()), count=False)


def measure(args: argparse.Namespace) -> None:
    """Time the steps and print the table of their parts."""
    torch.set_num_threads(args.threads)
    MMLogger.get_instance("cim_parts", log_level="ERROR")
    cfg = load_config(args.config)
    cfg.optim_wrapper.dtype = "float32"
    cfg.model.generator.tokenizer.allow_random = True
    if args.dtype is not None:
        cfg.model.generator.tokenizer.update(dtype=args.dtype, decode_dtype=args.dtype)
    init_default_scope(cfg.default_scope)
    model: Any = MODELS.build(cfg.model).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    images = model.data_preprocessor(dict(inputs=load_crops(cfg, model, TOY, args.batch)))["inputs"]
    run_step(model, wrapper, images, 0, Parts())
    parts = Parts()
    for step in range(args.steps):
        run_step(model, wrapper, images, step + 1, parts)
    seconds, macs = sum(parts.seconds.values()), sum(parts.macs.values())
    print(f"{'part':12s}{'s per step':>12s}{'share':>9s}{'GMAC/image':>12s}{'share':>9s}")
    for name, value in parts.seconds.items():
        per_image = parts.macs[name] / args.steps / args.batch / 1e9
        print(
            f"{name:12s}{value / args.steps:12.3f}{value / seconds:9.1%}{per_image:12.2f}{parts.macs[name] / macs:9.1%}"
        )
    print(f"{'together':12s}{seconds / args.steps:12.3f}{'':9s}{macs / args.steps / args.batch / 1e9:12.2f}")
