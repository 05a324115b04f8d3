"""Run the drills, print their table, and write it into docs/reliability.md: ``make drill``."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import matrix
import runs
import storage
from matrix import Outcome

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
MARKS = "<!-- drills -->\n", "<!-- end of drills -->\n"
COLUMNS = ("fault", "runs lost", "samples lost or doubled", "steps redone", "seconds to the next step", "")
HEADER = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"

OTHERS: dict[str, Callable[[Path], Outcome]] = {
    "storage away for 1 s": lambda folder: storage.outage(folder, 1.0),
    "storage away for 20 s": lambda folder: storage.outage(folder, 20.0),
    "storage away for longer than the run waits": storage.long_outage,
    "1,000 broken files of 20 kinds": storage.broken_files,
    "pipe, link loop and device among the images": storage.pipe,
    "data worker killed": lambda folder: storage.worker(folder, "killed"),
    "data worker stopped": lambda folder: storage.worker(folder, "stopped"),
    **{
        f"{value} in a {what}": lambda folder, what=what, value=value: runs.numbers(folder, what, value)  # type: ignore[misc]
        for what in ("loss", "gradient", "weight")
        for value in ("nan", "inf")
    },
    "full disk": runs.full_disk,
    "read-only disk": runs.read_only,
    "hostile files": runs.hostile_files,
    "second run in the same folder": runs.two_runs,
    "stale lock": runs.stale_lock,
    "clock goes back": runs.clock_goes_back,
    "Ctrl-C twice": runs.second_ctrl_c,
    "2,000 steps with a save every 3 s": storage.memory,
}


def drills(folder: Path) -> dict[str, Callable[[], Outcome]]:
    """Return all drills by name."""
    found: dict[str, Callable[[], Outcome]] = {
        str(cell): lambda cell=cell: matrix.drill(folder / "matrix", cell)  # type: ignore[misc]
        for cell in matrix.cells()
    }
    for number, (name, drill) in enumerate(OTHERS.items()):
        found[name] = lambda drill=drill, number=number: drill(folder / f"other{number}")  # type: ignore[misc]
    return found


def main() -> int:
    """Run the drills that a word chooses, or all, and return 0 if no run was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="drills whose name contains it")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    parser.add_argument("--folder", type=Path, help="default: a temporary folder, which is deleted")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.folder or Path(temporary)).resolve()
        chosen = {name: drill for name, drill in drills(folder).items() if args.only in name}
        outcomes = {}
        for number, (name, drill) in enumerate(chosen.items(), start=1):
            began = time.monotonic()
            try:
                outcomes[name] = drill()
            except Exception as error:  # a drill that cannot be carried out is a lost run
                traceback.print_exc()
                outcomes[name] = Outcome(1, 0, 0, 0.0, f"{type(error).__name__}: {error}")
            print(
                f"[{number}/{len(chosen)}] {row(name, outcomes[name]).strip()} {time.monotonic() - began:.0f} s",
                flush=True,
            )
    table = HEADER + "".join(row(name, outcome) for name, outcome in outcomes.items()) + total(outcomes)
    print(f"\n{table}")
    if args.write:
        text = PAGE.read_text(encoding="utf-8")
        pattern = re.escape(MARKS[0]) + ".*" + re.escape(MARKS[1])
        PAGE.write_text(re.sub(pattern, lambda _: MARKS[0] + table + MARKS[1], text, flags=re.S), encoding="utf-8")
    return int(any(outcome.lost_runs or outcome.lost_samples for outcome in outcomes.values()))


def row(name: str, outcome: Outcome) -> str:
    """Return a line of the table."""
    seconds = f"{outcome.seconds:.1f}" if outcome.seconds else ""
    cells = (
        name,
        outcome.lost_runs,
        outcome.lost_samples,
        outcome.redone_steps,
        seconds,
        outcome.note.replace("|", "/"),
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def total(outcomes: dict[str, Outcome]) -> str:
    """Return the last line of the table."""
    sums = [sum(getattr(each, name) for each in outcomes.values()) for name in Outcome._fields[:3]]
    return f"| **{len(outcomes)} faults** | **{sums[0]}** | **{sums[1]}** | **{sums[2]}** | | |\n"


if __name__ == "__main__":
    sys.exit(main())
