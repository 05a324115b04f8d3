"""tools/benchmark.py on a machine without the peer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mmmim.benchmark import step
from mmmim.commands.benchmark import VARIANTS, main, parse_args

TOY = "mae/vit-tiny_toy.py"


def figures_of(words: list[str], tmp_path: Path) -> dict[str, Any]:
    out = tmp_path / "figures.json"
    assert main([*words, "--out", str(out)]) == 0
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["kind"] == words[0] and torch.__version__.startswith(content["machine"]["torch"])
    return content["figures"]


def test_data(tmp_path: Path, capsys) -> None:
    found = figures_of(["data", "--num", "6", "--rounds", "2"], tmp_path)
    assert list(found) == ["decoder alone", "decoder and resize", "mmmim, files", "mmmim, packed as JPEG",
                           "mmmim, packed pixels"]  # fmt: skip
    assert all(len(each["cpu_s"]) == 2 and each["items"] == 6 for each in found.values())
    assert "| mmmim, files |" in capsys.readouterr().out


def test_step(tmp_path: Path, capsys) -> None:
    words = ["step", TOY, "--batch-size", "2", "--steps", "2", "--variants", "fp32", "bf16", "--profile"]
    found = figures_of(words, tmp_path)
    kernels = found.pop("kernels")
    assert list(found) == ["mmmim, fp32", "mmmim, bf16"]
    single, half = found.values()
    assert single["flops"] == half["flops"] > 0 and half["saved_bytes"] < single["saved_bytes"]
    assert 0 < sum(kernel["share"] for kernel in kernels) <= 1 and all(kernel["calls"] for kernel in kernels)
    assert "mmmim, fp32 / mmmim, bf16" in capsys.readouterr().out


def test_evaluation(tmp_path: Path) -> None:
    found = figures_of(["eval", "--num", "24"], tmp_path)
    assert list(found) == ["features", "features from the cache", "k-NN"]
    assert all(row["wall_s"] > 0 for row in found.values())


@pytest.mark.slow
def test_startup(tmp_path: Path) -> None:
    found = figures_of(["startup", "--rounds", "1"], tmp_path)
    assert {"import torch", "import mmmim", "train.py --help", "first step"} <= set(found)


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
