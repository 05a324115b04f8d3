"""tools/benchmark.py on a machine without the peer."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import DATASETS

from mmmim.benchmark import peer, report, step
from mmmim.benchmark.tables import step_table
from mmmim.benchmark.turns import Contender, StepCost
from mmmim.commands.benchmark import VARIANTS, main, parse_args
from mmmim.errors import UsageError

ROOT = Path(__file__).parents[2]
TOY = "mae/vit-tiny_toy.py"


def figures_of(words: list[str], tmp_path: Path) -> dict[str, Any]:
    out = tmp_path / "figures.json"
    assert main([*words, "--out", str(out)]) == 0
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["kind"] == words[0] and torch.__version__.startswith(content["machine"]["torch"])
    return content["figures"]


def test_data(tmp_path: Path, capsys) -> None:
    found = figures_of(["data", "--images", "6", "--rounds", "2"], tmp_path)
    assert list(found) == ["decoder alone", "decoder and resize", "mmmim, files", "mmmim, packed as JPEG",
                           "mmmim, packed pixels"]  # fmt: skip
    assert all(len(each["cpu_s"]) == 2 and each["items"] == 6 for each in found.values())
    assert "| mmmim, files |" in capsys.readouterr().out


def test_step(tmp_path: Path, capsys) -> None:
    words = ["step", TOY, "--batch", "2", "--steps", "2", "--variants", "fp32", "bf16", "--profile"]
    found = figures_of(words, tmp_path)
    kernels = found.pop("kernels")
    assert list(found) == ["mmmim, fp32", "mmmim, bf16"]
    single, half = found.values()
    assert single["flops"] == half["flops"] > 0 and half["saved_bytes"] < single["saved_bytes"]
    assert 0 < sum(kernel["share"] for kernel in kernels) <= 1 and all(kernel["calls"] for kernel in kernels)
    assert "mmmim, fp32 / mmmim, bf16" in capsys.readouterr().out


def test_evaluation(tmp_path: Path) -> None:
    found = figures_of(["eval", "--images", "24"], tmp_path)
    assert list(found) == ["features", "features from the cache", "k-NN"]
    assert all(row["wall_s"] > 0 for row in found.values())


@pytest.mark.slow
def test_startup(tmp_path: Path) -> None:
    found = figures_of(["startup", "--rounds", "1"], tmp_path)
    assert {"import torch", "import mmmim", "train.py --help", "first step"} <= set(found)


# ---------------------------------------------------------------- the peer


@pytest.mark.parametrize("found", [None, "1.2.0"])
@pytest.mark.parametrize("kind", [["data", "--images", "1"], ["step", "simmim/swin-b_100e.py"]])
def test_a_missing_peer_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys, found: str | None, kind: list[str]
) -> None:
    def version(name: str) -> str:
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(peer, "version", version)
    assert main([*kind, "--peer", "mmpretrain"]) == 2
    message = capsys.readouterr().err
    assert ("not installed" if found is None else found) in message
    assert "pip install --no-deps onedl-mmpretrain==1.3.6" in message


def test_a_config_without_counterpart_is_refused(capsys) -> None:
    assert main(["step", TOY, "--peer", "mmpretrain"]) == 2
    assert "known for mae/vit-b_800e.py, simmim/swin-b_100e.py only" in capsys.readouterr().err


def test_documentation_gives_the_same_command() -> None:
    assert peer.INSTALL.splitlines()[0] in (ROOT / "docs/performance.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------- the two sides of a step


@pytest.mark.parametrize("config, size", [("simmim/swin-b_100e.py", 192), ("mae/vit-b_800e.py", 224)])
def test_our_side_is_the_published_config_on_samples_from_memory(config: str, size: int, tmp_path: Path) -> None:
    ours = step.our_config(config, "fp32")
    settings = step.StepSettings(batch=3, steps=4, warmup=2, block=1, threads=1)
    cfg = step.without_data(ours, step.our_config(config, "fp32"), settings, str(tmp_path))
    assert (cfg.optim_wrapper.dtype, cfg.model.backbone.img_size) == ("float32", size)
    assert {"step_seed", "runtime_info", "timer", "nonfinite", "logger"} <= cfg.default_hooks.keys()
    images = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(images) == 3 * (4 + 2)
    assert images[0]["inputs"].shape == (3, size, size) and images[0]["inputs"].dtype == torch.uint8
    assert torch.equal(images[6]["inputs"], images[0]["inputs"])  # 2 x 3 distinct samples


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_a_config(variant: str) -> None:
    cfg = step.our_config(TOY, variant)
    assert ("compile" in cfg.default_hooks) == variant.endswith("-compile")


def test_views_of_tokenizers_are_samples_too() -> None:
    transforms = [dict(type="TwoSizeRandomResizedCrop", size=32, token_size=16)]
    samples = step.SamplesInMemory(4, 2, transforms)
    assert samples[3]["token_inputs"].shape == (3, 16, 16)


def test_the_last_row_is_the_reference() -> None:
    ours, other = (Contender(name, lambda: None, 1, 1, 1) for name in ("mmmim", "mmpretrain"))  # type: ignore[arg-type,return-value]
    ours.seconds, ours.cpu_seconds, ours.cost = [3.0, 1.0, 2.0], [1.0], StepCost(6e9, 2e6, 10)
    other.seconds, other.cpu_seconds, other.cost = [4.0, 4.0, 2.0], [2.0], StepCost(8e9, 4e6, 10)
    rows = {each.name: step.figures(each, batch=4) for each in (ours, other)}
    assert rows["mmmim"]["images_per_s"] == 2.0 and rows["mmmim"]["min_s"] == 1.0
    printed = step_table(rows)
    assert "| mmmim | 2.000 | 2.000 | 1.000 | 6.000 | 2.000 |" in printed
    assert "| mmmim / mmpretrain | 2.000 | 0.500 | 0.500 | 0.750 | 0.500 |" in printed


@pytest.mark.parametrize(
    "wrong, named",
    [
        (["step", "--steps", "5", "--block", "2"], "--steps 5 --block 2"),
        (["step", "--batch", "0"], "--batch 0"),
        (["data", "--rounds", "0"], "--rounds 0"),
        ([], "required"),
    ],
)
def test_wrong_command_lines(wrong: list[str], named: str, capsys) -> None:
    with pytest.raises(SystemExit):
        parse_args(wrong)
    assert named in capsys.readouterr().err


# ---------------------------------------------------------------- the page


def test_the_page_shows_the_kept_figures() -> None:
    text = (ROOT / report.PAGE).read_text(encoding="utf-8")
    assert report.page(text, ROOT / report.FOLDER) == text
    assert report.MARK.search(text)


def test_a_table_stands_between_its_marks(tmp_path: Path) -> None:
    report.show("eval", dict(features=dict(cpu_s=2.0, wall_s=1.0, images_per_s=500.0)), {}, tmp_path / "a.json")
    text = report.page("before\n<!-- a.json -->\nold\n<!-- end -->\nafter", tmp_path)
    assert "| features | 2.00 | 1.00 | 500 |" in text and "old" not in text
    assert text.startswith("before\n<!-- a.json -->") and text.endswith("<!-- end -->\nafter")
    with pytest.raises(UsageError, match=r"b\.json, which does not exist; measure it with --out"):
        report.page("<!-- b.json -->\n<!-- end -->", tmp_path)
