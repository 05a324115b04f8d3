from __future__ import annotations

import random

import numpy as np
import torch
from mmengine.dist import broadcast, get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmmim.registry import HOOKS
from mmmim.seeding import derive_seed

STEP_STREAM = 1  # makes a step's seed differ from the sample seeds derive_seed(seed, epoch, index)


def seed_step(seed: int, iteration: int, rank: int) -> None:
    """Seed ``random``, numpy, torch's CPU generator and the current CUDA generator, without synchronising."""
    value = derive_seed(seed, iteration, rank, STEP_STREAM)
    random.seed(value)
    np.random.seed((value & 0xFFFFFFFF, value >> 32))
    torch.default_generator.manual_seed(value)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed(value)


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Makes all randomness of a training step a pure function of ``(seed, iteration, rank)``.

    Hence no generator state is saved: a resumed run draws what the uninterrupted run would have drawn. ``iteration``
    counts micro-steps, so each step of an accumulation window has its own randomness. If the model has a method
    ``set_step(seed, iteration)``, it is called with the same numbers on every rank.
    """

    priority = "HIGHEST"

    def __init__(self) -> None:
        self.seed = 0

    def before_train(self, runner) -> None:
        """Store the seed of the run: after a resume that of the checkpoint, with ``diff_rank_seed`` that of rank 0."""
        seed = torch.tensor(runner.seed)
        broadcast(seed)
        self.seed = int(seed)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        seed_step(self.seed, runner.iter, get_rank())
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if hasattr(model, "set_step"):
            model.set_step(self.seed, runner.iter)
