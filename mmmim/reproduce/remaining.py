"""How long a sequence of stages still takes, from what they usually take and from how fast this machine is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

ETA = re.compile(r"\beta: (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)")


@dataclass
class Remaining:
    """An estimate of the time that is left.

    Args:
        usual: Seconds that each stage takes on a machine that was measured, in the order of the stages.
        alone: Names of the stages that run by themselves; the others share the lanes.
        lanes: How many stages run at a time.
    """

    usual: Mapping[str, float]
    alone: tuple[str, ...] = ()
    lanes: int = 1
    elapsed: dict[str, float] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)

    def progress(self, name: str, seconds: float, line: str) -> None:
        """Take note that a stage has run for so long, and of the time that a line of its log says it still needs."""
        self.elapsed[name] = seconds
        if (eta := ETA.search(line)) is not None:
            days, hours, minutes, rest = (int(part or 0) for part in eta.groups())
            self.expected[name] = seconds + 86400 * days + 3600 * hours + 60 * minutes + rest

    def finished(self, name: str, seconds: float) -> None:
        """Take note that a stage has ended."""
        self.elapsed[name] = self.expected[name] = seconds

    def left(self) -> float:
        """Return the seconds until the last stage ends."""
        usual = sum(self.usual[name] for name in self.expected if name in self.usual)
        scale = sum(self.expected.values()) / usual if usual else 1.0
        left = {
            name: max(0.0, self.expected.get(name, scale * seconds) - self.elapsed.get(name, 0.0))
            for name, seconds in self.usual.items()
        }
        shared = [seconds for name, seconds in left.items() if name not in self.alone]
        together = max(max(shared, default=0.0), sum(shared) / self.lanes)
        return together + sum(left[name] for name in self.alone)


def minutes(seconds: float) -> str:
    """Return a time as minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
