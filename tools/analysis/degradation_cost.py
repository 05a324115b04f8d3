"""Share of a training step that degrading the images takes, in CPU seconds of this process.

python tools/analysis/degradation_cost.py configs/beyond_masking/vit-b_*_300e.py --batch 8 --steps 3
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from mmmim.engine.run_options import load_config
from mmmim.evaluation.command_line import exit_code
from mmmim.visualization.sources import TOY, load_crops


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--batch", type=int, default=8, help="images per step (default: 8)")
    parser.add_argument("--steps", type=int, default=3, help="steps, after one to warm up (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    return parser.parse_args(argv)


def seconds(config: str, batch: int, steps: int) -> tuple[float, float]:
    """CPU seconds per step of drawing and applying the degradation, and of the whole step."""
    cfg = load_config(config)
    cfg.optim_wrapper.dtype = "float32"
    init_default_scope(cfg.default_scope)
    model: Any = MODELS.build(cfg.model).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    data = dict(inputs=load_crops(cfg, model, TOY, batch))
    degrading, whole = [], []
    for step in range(steps + 1):
        model.set_step(0, step)
        start = time.process_time()
        model.train_step(data, wrapper)
        whole.append(time.process_time() - start)
        images = model.data_preprocessor(data, True)["inputs"]
        start = time.process_time()
        model.degrade(images, model.draw_degradation(images))
        model.clean(images)
        degrading.append(time.process_time() - start)
    return sum(degrading[1:]) / steps, sum(whole[1:]) / steps


def measure(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    MMLogger.get_instance("degradation_cost", log_level="ERROR")
    print(f"{'config':48s} degradation        step   share")
    for config in args.configs:
        degrading, whole = seconds(config, args.batch, args.steps)
        name = "/".join(Path(config).parts[-2:])
        print(f"{name:48s} {1e3 * degrading:8.1f} ms {whole:9.3f} s {degrading / whole:7.2%}", flush=True)


if __name__ == "__main__":
    sys.exit(exit_code(partial(measure, parse_args())))
