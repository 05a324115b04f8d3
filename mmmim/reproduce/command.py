"""One run as a command: what is run, in which folder, and from which checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmmim.config.folder import tools_folder, workplace
from mmmim.reproduce.layout import Layout, layout

RUNS = Path("work_dirs/reproduce/runs")
TOOLS = ("probe", "knn")
MEASURING = (*TOOLS, "test")  # their result is a file of numbers


@dataclass(frozen=True)
class Run:
    """One command: a training, a test, or a measurement of ``tools/probe.py`` or ``tools/knn.py``.

    Args:
        tool: ``train``, ``test``, ``probe`` or ``knn``.
        config: Path from the root of the repository.
        options: Words after ``--cfg-options``.
        words: Further words of the command.
        start: The run whose last checkpoint this one starts from.
        start_key: Config key that takes this checkpoint; empty: it is loaded into the encoder, or tested.
        untrained: Whether the run starts from random weights.
        gpus: Largest number of processes.
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
        """Return a readable part and a hash of what is run, so that equal runs of several tables are one run."""
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
        """Return the work directory, relative to the root of the repository."""
        return RUNS / self.name

    @property
    def chain(self) -> list[Run]:
        """Return all runs from the first one to this one."""
        return [*([] if self.start is None else self.start.chain), self]

    @property
    def layout(self) -> Layout:
        """Return processes, images per process and accumulation that make up the recipe's batch."""
        return layout(self.config, self.options, self.words, self.gpus)

    @property
    def result(self) -> Path:
        """Return the file that exists once the run has ended: its last checkpoint, or its measurement."""
        if self.tool in MEASURING:
            return self.folder / f"{self.tool}.json"
        return self.folder / self.layout.last_checkpoint

    def with_start(self) -> tuple[str, ...]:
        """Return ``options``, with the checkpoint of ``start`` where a config key takes it."""
        taken = self.start is not None and self.start_key
        return (*self.options, f"{self.start_key}={self.start.result}") if taken else self.options  # type: ignore[union-attr]

    def arguments(self) -> list[str]:
        """Return the arguments of the tool, positional ones first."""
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
        """Return the number of processes: a test takes all that are allowed, ``probe`` and ``knn`` take one."""
        return 1 if self.tool in TOOLS else self.gpus if self.tool == "test" else self.layout.processes

    @property
    def positionals(self) -> int:
        """Return how many words precede the number of processes in the scripts that start several."""
        return 2 if self.tool == "test" else 1

    def command(self) -> list[str]:
        """Return the whole command, to be run from the root of the repository."""
        words, count = self.arguments(), self.positionals
        if self.processes > 1:
            script = f"tools/dist_{self.tool}.sh"
            return ["bash", script, *words[:count], str(self.processes), *words[count:]]
        return ["python", f"tools/{self.tool}.py", *words]


def from_workplace(command: Sequence[str]) -> list[str]:
    """Return a command as it is given in the folder where runs lie, which has no ``tools`` outside of a clone."""
    if tools_folder().parent == workplace():
        return list(command)
    return [str(tools_folder().parent / word) if word.startswith("tools/") else word for word in command]
