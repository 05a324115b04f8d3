"""One run as a command: what is run, in which folder, from which checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

from mmengine.config import DictAction

from mmmim.engine.run_length import run_length, use_length
from mmmim.engine.tables import CONFIGS

ROOT = CONFIGS.parent
RUNS = Path("work_dirs/reproduce/runs")
TOOLS = ("probe", "knn")


@dataclass(frozen=True)
class Run:
    """One command: a training, or a measurement of ``tools/probe.py`` or ``tools/knn.py``.

    Args:
        tool: ``train``, ``probe`` or ``knn``.
        config: Path from the root of the repository.
        options: Words after ``--cfg-options``.
        words: Further words of the command.
        start: Run whose last checkpoint this one starts from; ``untrained``: from random weights.
    """

    tool: str
    config: str
    seed: int = 0
    options: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    start: Run | None = None
    untrained: bool = False
    gpus: int = 1

    @property
    def name(self) -> str:
        """A readable part and a hash of what is run: equal runs of several tables are one."""
        path = Path(self.config).relative_to("configs").with_suffix("")
        kind = "" if self.tool == "train" else f"{self.tool}-"
        start = "" if self.start is None else self.start.name
        identity = (self.tool, self.config, self.options, self.words, start, self.untrained, self.seed)
        code = hashlib.sha1(repr(identity).encode()).hexdigest()[:8]
        return f"{path.parts[0]}_{kind}{path.name}_seed{self.seed}_{code}"

    @property
    def folder(self) -> Path:
        return RUNS / self.name

    @property
    def depth(self) -> int:
        return 0 if self.start is None else 1 + self.start.depth

    @property
    def result(self) -> Path:
        """What is there once the run has ended: its last checkpoint, or the measurement."""
        if self.tool in TOOLS:
            return self.folder / f"{self.tool}.json"
        return self.folder / last_checkpoint(self.config, self.options, self.words)

    def arguments(self) -> list[str]:
        """Arguments of the tool, config first."""
        source = str(self.start.result) if self.start is not None else "none" if self.untrained else None
        if self.tool in TOOLS:
            words = [str(source), "--seed", str(self.seed), "--out", str(self.result), *self.words]
            options = self.options
        else:
            words = ["--work-dir", str(self.folder), "--resume", "auto", *self.words]
            words += [] if source is None else ["--checkpoint", source]
            options = (f"randomness.seed={self.seed}", *self.options)
        return [self.config, *words, *(["--cfg-options", *options] if options else [])]

    def command(self) -> list[str]:
        """The whole command, to be run from the root of the repository."""
        if self.tool == "train" and self.gpus > 1:
            config, *rest = self.arguments()
            return ["bash", "tools/dist_train.sh", config, str(self.gpus), *rest]
        return ["python", f"tools/{self.tool}.py", *self.arguments()]


def lengths(words: Sequence[str]) -> dict[str, int]:
    """``--epochs`` or ``--iters`` among the words of a command."""
    return {word[2:]: int(words[i + 1]) for i, word in enumerate(words) if word in ("--epochs", "--iters")}


_reading = Lock()  # a config is checked under MMEngine's default scope, which all threads share


@cache
def last_checkpoint(config: str, options: tuple[str, ...], words: tuple[str, ...]) -> str:
    """``epoch_300.pth`` or ``iter_160000.pth``."""
    from mmmim.engine.run_options import load_config

    parsed = {key: DictAction._parse_iterable(value) for key, value in (word.split("=", 1) for word in options)}
    with _reading:
        cfg = load_config(str(ROOT / config), parsed)
    use_length(cfg, **lengths(words))
    key, count = run_length(cfg)
    return f"{'epoch' if key == 'max_epochs' else 'iter'}_{count}.pth"


def task_of(config: str) -> str:
    """``ft``, ``linear``, ``upernet``, ...: how the name of a downstream config begins."""
    return Path(config).stem.split("_")[0] if Path(config).parent.name == "downstream" else "pretrain"
