"""The page that compares the methods: costs are counted again, other numbers are those of the methods' own pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
COSTS = {
    name: (float(gflop), ratio)
    for name, gflop, ratio in re.findall(r"^\| `(\S+)` \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.M)
}
QUICK = ("mae/vit-b_800e", "ccmim/vit-b_800e", "beyond_masking/vit-b_integrated_300e")
METHODS = ("mae", "simmim", "beit", "beyond_masking", "conmim", "cim", "ccmim")
HEADLINE = {
    method: next(name for name in COSTS if name.startswith(f"{method}/vit-b") and "masked" not in name)
    for method in METHODS
}


def own_page(method: str) -> str:
    return " ".join((ROOT / f"configs/{method}/README.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in COSTS]
)
def test_costs_are_those_of_the_configs(name: str) -> None:
    from mmengine.registry import init_default_scope

    from mmmim.launch.options import load_config
    from mmmim.reproduce.cost import gflop

    cfg = load_config(f"configs/{name}.py")
    init_default_scope(cfg.default_scope)
    assert gflop(cfg, None) == pytest.approx(COSTS[name][0], rel=2e-3)


@pytest.mark.parametrize("name", COSTS)
def test_ratios_are_those_of_the_costs(name: str) -> None:
    assert COSTS[name][1] == f"{COSTS[name][0] / COSTS['mae/vit-b_800e'][0]:.1f}"


@pytest.mark.parametrize("method", [method for method in METHODS if method != "mae"])
def test_the_pages_of_methods_tell_the_same_ratios(method: str) -> None:
    told = re.search(
        r"are ([\d.]+) times MAE's with ViT-B(?: and the integrated task)?(?: \(([^)]*)\))?", own_page(method)
    )
    assert told
    headline = "beyond_masking/vit-b_integrated_300e" if method == "beyond_masking" else HEADLINE[method]
    assert told[1] == COSTS[headline][1]
    others = {COSTS[name][1] for name in COSTS if name.startswith(f"{method}/")}
    assert set(re.findall(r"\d\.\d", told[2] or "")) <= others


def test_published_numbers_are_those_of_the_pages() -> None:
    rows = re.findall(r"^\| ([\w ]+) \| (\d+) \| ([\d.]+) \| ([\d.]+|-)", PAGE, re.M)
    assert len(rows) == len(METHODS)
    for title, epochs, *numbers in rows:
        method = next(each for each in METHODS if own_page(each).startswith(f"# {title} "))
        text = own_page(method)
        assert epochs in text and all(number in text for number in numbers), title


@pytest.mark.parametrize("method", METHODS)
def test_pages_of_methods_have_the_same_parts(method: str) -> None:
    text = (ROOT / f"configs/{method}/README.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.M)
    wanted = ["When to use it", "Run it", "Fine-tune and probe", "Segmentation and detection", "Published results"]
    assert [heading for heading in headings if heading in wanted] == wanted
    assert f"](../../docs/figures/{method}.svg)" in text and re.search(r"\]\(https://(arxiv|openreview)\.", text)
