"""One run as a command: what is run, in which folder, from which checkpoint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmmim.reproduce.layout import Layout, layout

RUNS = Path("work_dirs/reproduce/runs")
TOOLS = ("probe", "knn")
MEASURING = (*TOOLS, "test")  # what they leave is a file of numbers


@dataclass(frozen=True)
class Run:
    """One command: a training, a test, or a measurement of ``tools/probe.py`` or ``tools/knn.py``.

    Args:
        tool: ``train``, ``test``, ``probe`` or ``knn``.
        config: Path from the root of the repository.
        options: Words after ``--cfg-options``.
        words: Further words of the command.
        start: Run whose last checkpoint this one starts from.
        start_key: Config key that takes this checkpoint; empty: it goes into the encoder, or is what is tested.
        untrained: Starts from random weights.
        gpus: A run has so many processes at most.
    """

    tool: str
    config: str
    seed: int = 0
    options: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    start: Run | None = None
    start_key: str = ""
    untrained: bool = False
    gpus: int = 1

    @property
    def name(self) -> str:
        """A readable part and a hash of what is run: equal runs of several tables are one."""
        path = Path(self.config).relative_to("configs").with_suffix("")
        kind = "" if self.tool == "train" else f"{self.tool}-"
        start = "" if self.start is None else self.start.name
        identity: tuple[Any, ...] = (self.tool, self.config, self.options, self.words, start, self.untrained, self.seed)
        identity += (self.start_key,) if self.start_key else ()
        identity += tuple(self.layout.length) if self.tool == "train" else ()
        code = hashlib.sha1(repr(identity).encode()).hexdigest()[:8]
        return f"{path.parts[0]}_{kind}{path.name}_seed{self.seed}_{code}"

    @property
    def folder(self) -> Path:
        return RUNS / self.name

    @property
    def chain(self) -> list[Run]:
        """All runs from the first one to this one."""
        return [*([] if self.start is None else self.start.chain), self]

    @property
    def layout(self) -> Layout:
        """Processes, images of each, and accumulation that make up the batch of the recipe."""
        return layout(self.config, self.options, self.words, self.gpus)

    @property
    def result(self) -> Path:
        """What is there once the run has ended: its last checkpoint, or the measurement."""
        if self.tool in MEASURING:
            return self.folder / f"{self.tool}.json"
        return self.folder / self.layout.last_checkpoint

    def with_start(self) -> tuple[str, ...]:
        """``options``, and the checkpoint of ``start`` where a config key takes it."""
        taken = self.start is not None and self.start_key
        return (*self.options, f"{self.start_key}={self.start.result}") if taken else self.options  # type: ignore[union-attr]

    def arguments(self) -> list[str]:
        """Arguments of the tool, positional ones first."""
        source = str(self.start.result) if self.start is not None else "none" if self.untrained else None
        options = self.options
        positional = [self.config]
        if self.tool in TOOLS:
            words = [str(source), "--seed", str(self.seed), "--out", str(self.result), *self.words]
        elif self.tool == "test":
            positional.append(str(source))
            words = ["--work-dir", str(self.folder), "--out", str(self.result), *self.words]
        else:
            words = ["--work-dir", str(self.folder), "--resume", "auto", *self.layout.words(self.words)]
            options = (f"randomness.seed={self.seed}", *self.with_start(), *self.layout.options)
            words += [] if self.start_key or source is None else ["--checkpoint", source]
        return [*positional, *words, *(["--cfg-options", *options] if options else [])]

    @property
    def processes(self) -> int:
        """Processes of the command: a test takes all there may be, ``probe`` and ``knn`` one."""
        return 1 if self.tool in TOOLS else self.gpus if self.tool == "test" else self.layout.processes

    @property
    def positionals(self) -> int:
        """How many words come before the number of processes, in the scripts that start several."""
        return 2 if self.tool == "test" else 1

    def command(self) -> list[str]:
        """The whole command, to be run from the root of the repository."""
        words, count = self.arguments(), self.positionals
        if self.processes > 1:
            script = f"tools/dist_{self.tool}.sh"
            return ["bash", script, *words[:count], str(self.processes), *words[count:]]
        return ["python", f"tools/{self.tool}.py", *words]
