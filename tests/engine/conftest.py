from __future__ import annotations

from functools import cache

import pytest
from tiny_run import train


@pytest.fixture(scope="module")
def straight_run(tmp_path_factory):
    """The uninterrupted run with an accumulation, trained once."""

    @cache
    def run(accumulation: int):
        folder = tmp_path_factory.mktemp(f"straight{accumulation}")
        return folder, train(folder, **{"optim_wrapper.accumulative_counts": accumulation})

    return run
