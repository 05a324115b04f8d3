"""How a training reaches the batch of its recipe with the available GPUs."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from mmengine.config import Config, DictAction

from mmmim.config.folder import project_folder
from mmmim.launch.lr_scaling import BatchSize, batch_size, optim_wrappers
from mmmim.launch.options import load_config
from mmmim.launch.run_length import run_length, use_length

_reading = Lock()  # configs are checked in MMEngine's default scope, which all threads share


@dataclass(frozen=True)
class Layout:
    """Processes, images per process and accumulated steps of a training.

    Args:
        batch: Batch of the run.
        recipe: Images per update in the recipe; None where the config does not say.
        recipe_accumulation: Number of steps that the config itself accumulates.
        fixed_lr: Whether the lr is that of the recipe's batch and is not scaled to another one.
        iterations: ``max_iters`` of the config, for a training that is counted in iterations.
        last_checkpoint: ``epoch_300.pth`` or ``iter_160000.pth``.
        options: Words after ``--cfg-options``: warm-ups counted in iterations, which last longer in an accumulating
            run.
    """

    batch: BatchSize
    recipe: int | None
    recipe_accumulation: int
    fixed_lr: bool
    iterations: int | None
    last_checkpoint: str
    options: tuple[str, ...] = ()

    @property
    def processes(self) -> int:
        """Return the number of processes."""
        return self.batch.processes

    @property
    def length(self) -> list[str]:
        """Return ``--iters N`` where the same number of updates takes more iterations because of accumulation."""
        longer = self.iterations is not None and self.batch.accumulation != self.recipe_accumulation
        return ["--iters", self.last_checkpoint.removeprefix("iter_").removesuffix(".pth")] if longer else []

    def words(self, words: Sequence[str]) -> list[str]:
        """Return the words of the command together with those that produce this layout."""
        given = list(words)
        if "--accumulate" not in given and self.batch.accumulation != self.recipe_accumulation:
            given += ["--accumulate", str(self.batch.accumulation)]
        if self.length and "--iters" in given:
            at = given.index("--iters")
            del given[at : at + 2]
        return given + self.length

    @property
    def deviation(self) -> str | None:
        """Return in words how the batch differs from the recipe's; None where it does not."""
        if self.recipe is None or self.batch.effective == self.recipe:
            return None
        lr = "the lr is for the recipe's" if self.fixed_lr else "the lr is scaled to it"
        return f"batch {self.batch.effective} in place of the recipe's {self.recipe} ({self.batch}), {lr}"

    def __str__(self) -> str:
        more = self.batch.accumulation > self.recipe_accumulation
        seen = self.batch.per_process * self.batch.processes
        remark = f"; batch statistics and negatives come from {seen} images" if more else ""
        return self.deviation or f"{self.batch}{remark}"


def processes_and_accumulation(recipe: int, per_process: int, gpus: int) -> tuple[int, int]:
    """Return as many processes as divide the batches of an update evenly, and the accumulation that makes up the rest.

    Args:
        recipe: Images per update.
        per_process: Images per process, which stay those of the config: batch statistics may depend on them.
        gpus: Largest number of processes.
    """
    batches = max(1, round(recipe / per_process))
    processes = next(count for count in range(min(gpus, batches), 0, -1) if batches % count == 0)
    return processes, batches // processes


@cache
def layout(config: str, options: tuple[str, ...], words: tuple[str, ...], gpus: int) -> Layout:
    """Return the layout of a training with at most ``gpus`` processes; a given ``--accumulate`` is kept."""
    with _reading:
        cfg = read(config, options)
    use_length(cfg, **lengths(words))
    own = max([int(wrapper.get("accumulative_counts", 1)) for _, wrapper in optim_wrappers(cfg)], default=1)
    rule = cfg.get("auto_scale_lr") or {}
    recipe = int(rule.get("recipe_batch_size") or 0) or None
    per_process = batch_size(cfg, 1).per_process
    if "--accumulate" in words:
        accumulation = int(words[words.index("--accumulate") + 1])
        processes, rest = processes_and_accumulation(recipe or gpus, per_process * accumulation, gpus)
        processes = processes if rest == 1 else min(gpus, processes * rest)
    elif recipe is None:
        processes, accumulation = gpus, own
    else:
        processes, accumulation = processes_and_accumulation(recipe, per_process, gpus)
    key, length = run_length(cfg)
    by_epoch = key == "max_epochs"
    updates = length if by_epoch else length * accumulation // own
    return Layout(
        BatchSize(per_process, processes, accumulation),
        recipe,
        own,
        not rule.get("enable", bool(rule.get("base_batch_size"))),
        None if by_epoch else length,
        f"{'epoch' if by_epoch else 'iter'}_{updates}.pth",
        longer_warmups(cfg, accumulation, own) if by_epoch and accumulation != own else (),
    )


def read(config: str, options: Sequence[str]) -> Config:
    """Return a config of the repository with the words after ``--cfg-options`` merged in."""
    return load_config(str(project_folder() / config), parsed_options(options))


def parsed_options(words: Sequence[str]) -> dict[str, Any]:
    """Return what the words after ``--cfg-options`` say, as the commands read them."""
    parser = ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, default={})
    return parser.parse_args(["--cfg-options", *words] if words else []).cfg_options


@cache
def config_lr(config: str) -> float:
    """Return the lr as the config states it."""
    with _reading:
        return float(read(config, ()).optim_wrapper.optimizer.lr)


def lengths(words: Sequence[str]) -> dict[str, int]:
    """Return ``--epochs`` or ``--iters`` from the words of a command."""
    return {word[2:]: int(words[i + 1]) for i, word in enumerate(words) if word in ("--epochs", "--iters")}


def longer_warmups(cfg: Config, accumulation: int, own: int) -> tuple[str, ...]:
    """Return options that keep schedulers counted in iterations the same number of updates long.

    They are needed in a training counted in epochs whose accumulation differs from the config's.
    """
    node: Any = cfg.get("param_scheduler") or []
    named = {"param_scheduler": node} if isinstance(node, dict) else dict(enumerate(node))
    found = []
    for name, scheduler in named.items():
        path = name if isinstance(node, dict) else f"param_scheduler.{name}"
        if not scheduler.get("by_epoch", True):
            found += [
                f"{path}.{key}={scheduler[key] * accumulation // own}" for key in ("begin", "end") if key in scheduler
            ]
    return tuple(found)
