from __future__ import annotations

from typing import Any

import pytest

from mmmim.engine import stuck_loader


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "DataLoader worker (pid 12) is killed by signal: Killed. ",
            "worker process 12 of a dataloader ended: Killed; no worker reads a file",
        ),
        (
            "DataLoader worker (pid 12) is killed by signal: Bus error. It is possible that dataloader's workers are "
            "out of shared memory. Please try to raise your shared memory limit.",
            "worker process 12 of a dataloader ended: Bus error; no worker",
        ),
        (
            "DataLoader worker (pid(s) 12, 13) exited unexpectedly",
            "worker process 12, 13 of a dataloader ended unexpectedly; no worker",
        ),
        ("DataLoader timed out after 90 seconds", "a dataloader gave nothing for 1.5 minutes; no worker"),
    ],
)
def test_what_torch_says_of_a_loader_is_explained(text: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck_loader, "built_loader", lambda runner, split: None)
    runner: Any = None
    explained = stuck_loader.explain(text, runner)
    assert explained is not None and explained.startswith(expected) and "--resume" in explained


def test_other_errors_are_left_alone() -> None:
    runner: Any = None
    assert stuck_loader.explain("CUDA error: out of memory", runner) is None
