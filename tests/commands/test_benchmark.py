"""tools/benchmark.py on a machine without the peer."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmark_figures import figures_of

from mmmim.benchmark import step
from mmmim.commands.benchmark import VARIANTS, main, parse_args

TOY = "mae/vit-tiny_toy.py"


def test_step(tmp_path: Path, capsys) -> None:
    words = ["step", TOY, "--batch-size", "2", "--steps", "2", "--variants", "fp32", "bf16", "--profile"]
    found = figures_of(words, tmp_path)
    kernels = found.pop("kernels")
    assert list(found) == ["mmmim, fp32", "mmmim, bf16"]
    single, half = found.values()
    assert single["flops"] == half["flops"] > 0 and half["saved_bytes"] < single["saved_bytes"]
    assert 0 < sum(kernel["share"] for kernel in kernels) <= 1 and all(kernel["calls"] for kernel in kernels)
    assert "mmmim, fp32 / mmmim, bf16" in capsys.readouterr().out


# ---------------------------------------------------------------- the peer


def test_a_config_without_counterpart_is_refused(capsys) -> None:
    assert main(["step", TOY, "--peer", "mmpretrain"]) == 2
    assert "known for mae/vit-b_800e.py, simmim/swin-b_100e.py only" in capsys.readouterr().err


# ---------------------------------------------------------------- the two sides of a step


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_a_config(variant: str) -> None:
    cfg = step.our_config(TOY, variant)
    assert ("compile" in cfg.default_hooks) == variant.endswith("-compile")


@pytest.mark.parametrize(
    "wrong, named",
    [
        (["step", "--steps", "5", "--block", "2"], "--steps 5 --block 2"),
        (["step", "--batch-size", "0"], "--batch-size 0"),
        (["data", "--rounds", "0"], "--rounds 0"),
        ([], "required"),
    ],
)
def test_wrong_command_lines(wrong: list[str], named: str, capsys) -> None:
    with pytest.raises(SystemExit):
        parse_args(wrong)
    assert named in capsys.readouterr().err
