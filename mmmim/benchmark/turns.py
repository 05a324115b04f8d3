"""Measure the cost of a training step, and let runners take turns so that their times can be compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Semaphore, Thread
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor

from mmmim.plan.flops import flop_counter


@dataclass(frozen=True)
class StepCost:
    """The cost of a training step, per image."""

    flops: float  # per image, of forward and backward pass
    saved_bytes: float  # per image, kept by autograd for the backward pass
    parameters: int  # number of trained parameters


def step_cost(model: BaseModel, batch: dict) -> StepCost:
    """Return the cost of one step without update, which leaves no gradients; a multiply-add counts as two FLOPs."""
    images = len(batch["inputs"])
    kept: dict[int, Tensor] = {}
    own = {_storage(tensor) for tensor in (*model.parameters(), *model.buffers())}

    def keep(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in own:
            kept.setdefault(_storage(tensor), tensor)  # kept alive, so that no other tensor gets its address
        return tensor

    with flop_counter() as counter:
        data = model.data_preprocessor(batch, True)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss, _ = model.parse_losses(model(**data, mode="loss"))
        saved = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
        kept.clear()
        loss.backward()
    model.zero_grad(set_to_none=True)
    parameters = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return StepCost(counter.get_total_flops() / images, saved / images, parameters)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class Contender:
    """A runner that trains in a thread of its own and waits between the turns it is given.

    Args:
        build: Returns the runner; it is called in the first turn, which ends after ``warmup`` steps.
        block: Number of steps in each further turn.
    """

    def __init__(self, name: str, build: Callable[[], Runner], warmup: int, block: int, threads: int) -> None:
        self.name, self.build, self.warmup, self.block, self.threads = name, build, warmup, block, threads
        self.seconds: list[float] = []  # wall time of each timed step
        self.cpu_seconds: list[float] = []  # CPU time of the process, whatever else the machine runs
        self.cost: StepCost | None = None
        self.error: BaseException | None = None
        self._go, self._done = Semaphore(0), Semaphore(0)
        self._thread = Thread(target=self._train, name=name, daemon=True)
        self._thread.start()

    def turn(self) -> None:
        """Let the runner train until its next pause, and raise the error that it raised, if any."""
        self._go.release()
        self._done.acquire()
        if self.error is not None:
            raise self.error

    def pause(self) -> None:
        """End the turn and wait for the next one; the runner's thread calls it."""
        self._done.release()
        self._go.acquire()

    def _train(self) -> None:
        self._go.acquire()
        try:
            torch.set_num_threads(self.threads)  # applies to the calling thread only
            runner = self.build()
            runner.register_hook(TurnHook(self), "LOWEST")
            runner.train()
        except BaseException as error:
            self.error = error
        finally:
            self._done.release()


class TurnHook(Hook):
    """A hook that times whole iterations (batch, hooks, step) from the end of one ``after_train_iter`` to the next."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.steps = 0

    def before_train(self, runner: Runner) -> None:
        runner.model.train()
        with runner.optim_wrapper.optim_context(runner.model):  # in the precision of the steps
            self.contender.cost = step_cost(runner.model, next(iter(runner.train_dataloader)))

    def before_train_epoch(self, runner: Runner) -> None:
        self.start = clocks()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        (wall, cpu), (wall_start, cpu_start), contender = clocks(), self.start, self.contender
        self.steps += 1
        done = self.steps - contender.warmup
        if done > 0:
            contender.seconds.append(wall - wall_start)
            contender.cpu_seconds.append(cpu - cpu_start)
        if done >= 0 and done % contender.block == 0:
            contender.pause()
        self.start = clocks()


def compare(contenders: Sequence[Contender], rounds: int) -> None:
    """Let the contenders take turns, in the opposite order every other round, so that none of them is always first.

    Each run must be ``warmup + rounds * block`` steps long.
    """
    for contender in contenders:
        contender.turn()  # builds the runner, counts its cost and warms up
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            contender.turn()
    for contender in contenders:
        contender.turn()  # lets the run end


def clocks() -> tuple[float, float]:
    """Return the wall time and the CPU time of this process, when the device has done all that it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()
