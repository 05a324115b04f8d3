from __future__ import annotations

from pathlib import Path

import torch
from tiny_run import losses, state

BATCHES = 6  # 22 samples in batches of 4, the last one of 2


def assert_same_run(one, two, first: Path, second: Path) -> None:
    assert losses(first) == losses(second)
    assert len(losses(first)) == 3 * BATCHES
    for name, value in state(one).items():
        assert torch.equal(value, state(two)[name]), name
