"""One attempt of a drill: a training in a process of its own that a fault may end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmmim.checkpoint import files
from mmmim.commands import train
from mmmim.registry import HOOKS

HERE = Path(__file__).parent


def end() -> None:
    """End this process as a power failure would."""
    os.kill(os.getpid(), signal.SIGKILL)


@HOOKS.register_module(force=True)
class DrillRecorder(Hook):
    """Notes the samples and losses of every step at once, and the final weights and moments."""

    priority = "VERY_HIGH"

    def before_train(self, runner: Any) -> None:
        self.file = Path(runner.work_dir, f"steps_{get_rank()}.jsonl")
        self._note(begun=time.time())

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.indices = data_batch["indices"].tolist()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        losses = {name: float(value.detach()).hex() for name, value in outputs.items()}
        self._note(iter=runner.iter, indices=self.indices, losses=losses, at=time.time())

    def after_train(self, runner: Any) -> None:
        if get_rank() == 0:
            Path(runner.work_dir, "final.txt").write_text(fingerprint(runner), encoding="utf-8")

    def _note(self, **facts: Any) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")


def fingerprint(runner: Any) -> str:
    """Return a digest of all weights and moments."""
    digest = hashlib.sha256()
    states = runner.optim_wrapper.optimizer.state_dict()["state"]
    tensors = [*runner.model.state_dict().items(), *((str(n), v) for n, s in states.items() for v in s.values())]
    for name, value in tensors:
        if isinstance(value, torch.Tensor):
            digest.update(name.encode() + value.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@HOOKS.register_module(force=True)
class DrillFault(Hook):
    """Ends the process of one rank, or of all, at a moment of an iteration."""

    priority = "HIGHEST"

    def __init__(self, moment: str, iteration: int, rank: int | None = None) -> None:
        self.moment, self.iteration, self.rank = moment, iteration, rank

    def before_train(self, runner: Any) -> None:
        self.armed = runner.iter <= self.iteration and self.rank in (None, get_rank())
        if self.armed and self.moment in MOMENTS_OF_A_SAVE:
            MOMENTS_OF_A_SAVE[self.moment](self)
        self.writes = False

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.writes = runner.iter >= self.iteration
        if self.armed and runner.iter == self.iteration:
            if self.moment == "step":
                end()
            if self.moment in ("SIGTERM", "SIGINT"):
                os.kill(os.getpid(), getattr(signal, self.moment))

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        if self.armed and self.moment == "after step" and args[0].iter == self.iteration:
            end()

    def before_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if self.armed and self.moment == "validation" and runner.iter >= self.iteration:
            end()


@HOOKS.register_module(force=True)
class DrillSlow(Hook):
    """Takes its time, and says which process it is."""

    def before_train(self, runner: Any) -> None:
        Path(runner.work_dir, "pid").write_text(str(os.getpid()), encoding="utf-8")

    def before_train_iter(self, *args: Any, **kwargs: Any) -> None:
        time.sleep(2.0)


@HOOKS.register_module(force=True)
class DrillNumber(Hook):
    """Makes a loss, gradient or weight NaN or infinite in iteration 7."""

    priority = "VERY_HIGH"

    def __init__(self, what: str, value: str) -> None:
        self.what, self.value = what, float(value)

    def before_train(self, runner: Any) -> None:
        parse = runner.model.parse_losses

        def parsed(losses: Any) -> Any:
            loss, values = parse(losses)
            if runner.iter == 7 and self.what == "loss":
                return loss * self.value, {**values, "loss": loss * self.value}
            if runner.iter == 7 and self.what == "gradient":
                loss.register_hook(lambda gradient: gradient * self.value)
            return loss, values

        runner.model.parse_losses = parsed

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        if runner.iter == 7 and self.what == "weight":
            with torch.no_grad():
                next(runner.model.parameters()).flatten()[0] = self.value


@HOOKS.register_module(force=True)
class DrillUsage(Hook):
    """Notes memory, open files and threads of the process every hundredth step."""

    priority = "VERY_LOW"

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        if not self.every_n_train_iters(runner, 100):
            return
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
        facts = dict(
            iter=runner.iter + 1,
            memory=1024 * int(status["VmRSS"].split()[0]),
            threads=int(status["Threads"]),
            files=len(os.listdir("/proc/self/fd")),
        )
        with Path(runner.work_dir, "usage.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")


def _during(name: str, then: Callable[[DrillFault, Path], None]) -> Callable[[DrillFault], None]:
    """Replace a function that every save calls, so that ``then`` runs in the first save of a checkpoint."""

    def arm(fault: DrillFault) -> None:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            open_files = [args[0]] if name == "replace" else [os.readlink(f"/proc/self/fd/{args[0]}")]
            file = Path(str(open_files[0]))
            if fault.writes and ".pth." in file.name:
                then(fault, file)
                result = real(*args, **kwargs)
                if fault.moment == "after rename":
                    end()
                return result
            return real(*args, **kwargs)

        setattr(files.os, name, call)

    return arm


def _half(fault: DrillFault, file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)
    end()


MOMENTS_OF_A_SAVE: dict[str, Callable[[DrillFault], None]] = {
    "half written": _during("fsync", _half),
    "before rename": _during("replace", lambda fault, file: end()),
    "after rename": _during("replace", lambda fault, file: None),
}


def run(arguments: list[str], log: str, rank: int, world: int, port: int) -> None:
    """Train in this process, which was forked for it, and end it."""
    if world > 1:
        os.environ.update(
            RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
        )
        arguments = [*arguments, "--launcher", "pytorch"]
    torch.set_num_threads(1)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    status = 1
    try:
        status = train.main(arguments)
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        for worker in multiprocessing.active_children():
            worker.kill()
        os._exit(status)


def attempt(arguments: list[str], log: Path, world: int = 1, seconds: float = 900) -> list[int]:
    """Train with ``world`` processes and return their statuses; when one ends, the others are ended too."""
    if str(HERE) not in (paths := os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), *paths]))  # for the server's own imports
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["attempt"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = [context.Process(target=run, args=(arguments, str(log), rank, world, port)) for rank in range(world)]
    for process in processes:
        process.start()
    deadline = time.monotonic() + seconds
    first = None
    while any(process.is_alive() for process in processes):
        if first is None and any(process.exitcode not in (None, 0) for process in processes):
            first = time.monotonic()
        if time.monotonic() > deadline or (first is not None and time.monotonic() > first + 60):
            for process in processes:
                process.kill()
        time.sleep(0.02)
    return [int(process.exitcode or 0) for process in processes]
