"""tools/analysis/step_share.py on toys."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

CONFIGS = (
    "beyond_masking/vit-tiny_zoomed-out_toy.py",
    "beyond_masking/vit-tiny_integrated_toy.py",
    "conmim/vit-tiny_toy.py",
)


def test_shares_of_a_step(run_script: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> None:
    configs = [f"configs/{name}" for name in CONFIGS]
    assert run_script("tools/analysis/step_share.py", *configs, "--batch", 2, "--steps", 1) == 0
    rows = re.findall(r"(\S+_toy\.py) +([\d.]+)s((?: +[\d.]+%){6})", capsys.readouterr().out)
    assert [name for name, *_ in rows] == list(CONFIGS)
    for name, seconds, shares in rows:
        given, drawn, loss, momentum, optimizer, together = (float(share) for share in re.findall(r"([\d.]+)%", shares))
        assert float(seconds) > 0 and given > 0 and loss > 0 and optimizer > 0
        assert (drawn > 0) == ("zoomed-out" not in name)
        assert (momentum > 0) == name.startswith("conmim")
        assert together == pytest.approx(given + drawn + loss + momentum + optimizer, abs=0.05)
