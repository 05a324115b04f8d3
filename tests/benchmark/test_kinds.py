from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from mmmim.benchmark import kinds
from mmmim.commands.benchmark import parse_args


def test_each_kind_of_the_command_line_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_args(["--help"])
    assert "{" + ",".join(kinds.KINDS) + "}" in capsys.readouterr().out


def test_steps_are_shown_with_their_kernels_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[Any, ...]] = []
    monkeypatch.setattr(kinds.report, "show", lambda *found: shown.append(found))
    monkeypatch.setattr(kinds.step, "measure", lambda config, variants, peer, settings: dict(mmmim=settings.steps))
    monkeypatch.setattr(kinds, "kernels", lambda config, variant, settings: [f"{config} {variant}"])
    args = dict(batch=2, steps=3, warmup=1, block=1, threads=1, config="a.py", variants=["fp32"], peer=None, out=None)
    kinds.measure_step(Namespace(**args, profile=False))
    kinds.measure_step(Namespace(**args, profile=True))
    assert [found[:2] for found in shown] == [
        ("step", dict(mmmim=3)),
        ("step", dict(mmmim=3, kernels=["a.py fp32"])),
    ]
