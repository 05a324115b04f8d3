"""What holds for every test: no display, no GPU tests without a GPU."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.timeout(3600))
    marked = [item for item in items if "gpu" in item.keywords]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if "gpu" not in item.keywords]


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what runs share, such as features and listings of folders, out of the user's ``~/.cache``."""
    os.environ["MMMIM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def own_signal_handlers() -> Iterator[None]:
    """Restore the handlers of signals: a process forked by a later test would inherit them, and not end when told."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """``run_script("tools/train.py", *arguments)``: as ``python tools/train.py ...`` in the repository's folder, but in
    this process, which has the imports done; returns the exit status, 0 for success."""

    def run(path: str, *arguments: object) -> object:
        root = Path(__file__).parents[1]
        if "mmengine" in sys.modules:
            from mmengine.logging import MessageHub
            from mmengine.visualization import Visualizer

            for manager in (
                MessageHub,
                Visualizer,
                *Visualizer.__subclasses__(),
            ):  # found again by a name with the second in it
                manager._instance_dict.clear()
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        try:
            runpy.run_path(str(root / path), run_name="__main__")
        except SystemExit as stop:
            return stop.code or 0
        return 0

    return run


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(autouse=True)
def free_lock_of_mmengine() -> Iterator[None]:
    """MMEngine keeps its lock where an instance cannot be built, and another thread then waits for ever."""
    yield
    if "mmengine.utils.manager" in sys.modules:
        lock = sys.modules["mmengine.utils.manager"]._lock
        while lock._is_owned():
            lock.release()
