"""The kill matrix: methods x loops x accumulation x processes x moments."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from attempt import attempt

ROOT = Path(__file__).parents[2]
CONFIGS = {
    "MAE": "configs/mae/vit-tiny_toy.py",
    "ccMIM": "configs/ccmim/vit-tiny_toy.py",
    "SimMIM": "configs/simmim/vit-tiny_toy.py",
    "CIM": "configs/cim/vit-tiny_respix_toy.py",
    "ConMIM": "configs/conmim/vit-tiny_toy.py",
    "fine-tuning": "configs/mae/downstream/ft_vit-tiny_toy.py",
}
MOMENTS = ("step", "after step", "half written", "before rename", "after rename", "SIGTERM")
AT = 7  # iteration of the fault, of 12
BATCH, IMAGES, STEPS = 4, 24, 12


class Cell(NamedTuple):
    """A run that is ended at a moment and resumed."""

    method: str
    loop: str  # epoch or iteration
    accumulation: int
    processes: int
    moment: str
    rank: int | None = None  # the process that is ended, or all

    @property
    def kind(self) -> tuple[str, str, int, int]:
        """Return what the uninterrupted run depends on."""
        return self.method, self.loop, self.accumulation, self.processes

    def __str__(self) -> str:
        whom = "" if self.processes == 1 else ", all" if self.rank is None else f", process {self.rank} of 2"
        return (
            f"{self.method}, by {self.loop}, accumulation {self.accumulation}, {self.processes} process"
            f"{'es' * (self.processes > 1)}: {self.moment}{whom}"
        )


class Outcome(NamedTuple):
    """Counts what a drill cost: runs that did not go on or ended elsewhere, samples, steps, seconds to go on."""

    lost_runs: int
    lost_samples: int
    redone_steps: int
    seconds: float
    note: str = ""


def cells() -> list[Cell]:
    """Return all cells of the matrix."""
    one = [Cell(m, "epoch", a, 1, at) for m, a, at in itertools.product(("MAE", "ccMIM", "CIM"), (1, 2), MOMENTS)]
    iterations = [Cell("SimMIM", "iteration", a, 1, at) for a, at in itertools.product((1, 2), MOMENTS)]
    two = [
        Cell(m, "epoch", a, 2, at, rank)
        for m, a in (("MAE", 1), ("ccMIM", 2))
        for at, rank in (("step", None), ("step", 1), ("before rename", 0), ("SIGTERM", None))
    ]
    others = [Cell("ConMIM", "epoch", 1, 1, "before rename"), Cell("MAE", "epoch", 1, 1, "SIGINT")]
    return [*one, *iterations, *two, *others, Cell("fine-tuning", "epoch", 1, 1, "validation")]


def config(folder: Path, cell: Cell, fault: bool) -> Path:
    """Write the config of a cell: 12 steps, a checkpoint after every second update."""
    hooks = [dict(type="DrillRecorder")]
    if fault:
        hooks.append(dict(type="DrillFault", moment=cell.moment, iteration=AT, rank=cell.rank))
    by_iteration = cell.loop == "iteration"
    settings: dict[str, Any] = dict(
        custom_hooks=hooks,
        log_level="WARNING",
        train_dataloader=dict(batch_size=BATCH, num_workers=0),
        default_hooks=dict(checkpoint=dict(interval=-1, rolling_minutes=0, by_epoch=False, rolling_interval=2)),
        optim_wrapper=dict(accumulative_counts=cell.accumulation),
    )
    lines = [
        f"_base_ = {str(ROOT / CONFIGS[cell.method])!r}",
        *(f"{key} = {value!r}" for key, value in settings.items()),
    ]
    lines.append(f"train_dataloader['dataset'] = dict(num_images={IMAGES * cell.processes})")
    if by_iteration:
        lines.append(f"train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters={STEPS})")
        lines.append("train_dataloader['sampler'] = dict(type='InfiniteEpochSampler', shuffle=True)")
        lines.append("param_scheduler = []")
        lines.append("log_processor = dict(by_epoch=False)")
    else:
        lines.append(f"train_cfg = dict(max_epochs={STEPS * BATCH // IMAGES})")
    file = folder / "drill.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def command(file: Path, work: Path, cell: Cell) -> list[str]:
    """Return the arguments of a cell's training."""
    start = ["--checkpoint", "none"] if cell.method == "fine-tuning" else []
    return [str(file), "--work-dir", str(work), *start]


def straight(folder: Path, cell: Cell) -> Path:
    """Return the work directory of the uninterrupted run of a cell, which is run once per kind."""
    name = "_".join(map(str, cell.kind)).replace(" ", "-")
    work = folder / "straight" / name
    if not (work / "final.txt").exists():
        file = config(work, cell, fault=False)
        statuses = attempt(command(file, work, cell), work / "log.txt", cell.processes)
        if any(statuses):
            raise RuntimeError(f"{cell}: the uninterrupted run ended with {statuses}, see {work / 'log.txt'}")
    return work


def drill(folder: Path, cell: Cell) -> Outcome:
    """End a run, resume it, and compare it with the uninterrupted one."""
    reference = straight(folder, cell)
    work = folder / "killed" / str(cell).replace(", ", "_").replace(": ", "_").replace(" ", "-")
    file = config(work, cell, fault=True)
    ended = attempt(command(file, work, cell), work / "log.txt", cell.processes)
    if not any(ended):
        return Outcome(0, 0, 0, 0.0, "the fault did not happen")
    began = time.time()
    file = config(work, cell, fault=False)
    statuses = attempt([*command(file, work, cell), "--resume", "auto"], work / "log.txt", cell.processes)
    return compare(reference, work, cell.processes, statuses, began)


def compare(reference: Path, work: Path, processes: int, statuses: list[int], began: float) -> Outcome:
    """Return the outcome of a resumed run beside the uninterrupted one."""
    wrong = redone = 0
    seconds = 0.0
    for rank in range(processes):
        expected = {line["iter"]: line for line in steps(reference, rank)}
        found = steps(work, rank)
        last = {line["iter"]: line for line in found}
        for iteration in expected.keys() | last.keys():
            one, two = expected.get(iteration), last.get(iteration)
            if one is None or two is None or one["indices"] != two["indices"]:
                wrong += len((one or two or {"indices": []})["indices"])
        redone = max(redone, len(found) - len(last))
        seconds = max([seconds, *(line["at"] - began for line in found if line["at"] > began)][:2])
    ended_alike = (work / "final.txt").exists() and _text(work / "final.txt") == _text(reference / "final.txt")
    note = "" if ended_alike else "ended with other weights" if (work / "final.txt").exists() else f"status {statuses}"
    return Outcome(int(not ended_alike), wrong, redone, seconds, note)


def steps(work: Path, rank: int) -> list[dict[str, Any]]:
    """Return what every step of a process noted, in the order in which they ran."""
    lines = (work / f"steps_{rank}.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if "iter" in line]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
