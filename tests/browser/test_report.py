"""The report in a browser: what axe-core finds, colours, keyboard, narrow screens and paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from mmengine.config import Config

from mmmim.launch.run_record import RunRecord
from mmmim.report.page import render
from mmmim.report.pictures import Grid
from mmmim.report.run_folder import RunFolder
from mmmim.visualization.grid import Column

pytestmark = pytest.mark.browser
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of two runs with something in every section."""
    folder = tmp_path_factory.mktemp("report")
    training = [
        dict(lr=1e-3, loss=2 / step, loss_contrast=1 / step, mask_overlap=0.5, images_per_second=100.0, iter=step)
        for step in range(1, 40)
    ]
    record = RunRecord(
        "mmmim train mae/vit-tiny_toy " + "--cfg-options model.masker.mask_ratio=0.75 " * 5,
        facts={"data": "22,000 of ImageFolder", "results": "work_dirs/a"},
        versions={"torch": "2.15.0"},
        machine={"processor": "a processor with a long name " * 3, "cores": 2},
        commit="abcdef0+",
    )
    runs = [
        RunFolder(
            folder, name, Config(dict(model=dict(type="MAE", backbone=dict(type="ViT", patch_size=size)))), (record,),
            tuple(training), ({"knn/top1_k20": 30.0, "step": 1}, {"knn/top1_k20": 40.0, "step": 2}),
            {"probe": {"pretrained": {"top1": 54.7}}}, bad_files=("a/very/long/name/" * 10 + "b.png",),
        )
        for name, size in (("mae", 8), ("a run with a much longer name of many words", 16))
    ]  # fmt: skip
    noise = np.random.default_rng(0).random((2, 32, 32, 3))
    columns = [Column("original", list(noise)), *(Column(f"epoch {n}", list(noise)) for n in range(10))]
    grid = Grid("Pictures", [*columns, Column("score", list(noise[..., 0]))], "A caption. " * 20)
    file = folder / "report.html"
    file.write_text(render(runs, {run.name: [grid, "No picture of masks: none"] for run in runs}), encoding="utf-8")
    return file.as_uri()


def opened(browser: Any, address: str, **settings: Any) -> Any:
    page = browser.new_context(**settings).new_page()
    page.goto(address)
    return page


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(scheme: str, address: str, browser: Any) -> None:
    page = opened(browser, address, color_scheme=scheme)
    for closed in page.locator("summary").all():
        closed.click()
    found = Axe().run(page).response["violations"]
    assert {each["id"]: each["nodes"][0]["html"][:200] for each in found} == {}


def test_nothing_is_loaded_and_no_script_is_needed(address: str, browser: Any) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert [url for url in asked if not url.startswith("data:")] == [address]
    page.get_by_text("Values of loss", exact=False).first.click()
    assert page.get_by_role("cell", name="0.05128").first.is_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lines_and_text_can_be_told_from_the_paper(scheme: str, address: str, browser: Any) -> None:
    page = opened(browser, address, color_scheme=scheme)
    colours = page.evaluate(
        """() => ['--paper', '--ink', '--faint', ...[1, 2, 3, 4, 5, 6, 7, 8].map(i => `--series-${i}`)]
        .map(name => getComputedStyle(document.documentElement).getPropertyValue(name).trim())"""
    )
    paper, *others = [luminance(colour) for colour in colours]
    contrasts = [(max(paper, each) + 0.05) / (min(paper, each) + 0.05) for each in others]
    assert min(contrasts[:2]) >= 4.5 and min(contrasts[2:]) >= 3  # WCAG 2.2, 1.4.3 and 1.4.11
    assert len(set(colours[3:])) == 8


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_keyboard_reaches_everything(address: str, browser: Any) -> None:
    page = opened(browser, address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the summary"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#summary")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None


def test_a_narrow_screen_does_not_scroll_sideways(address: str, browser: Any) -> None:
    page = opened(browser, address, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_paper_is_white_and_has_no_navigation(address: str, browser: Any, tmp_path: Path) -> None:
    page = opened(browser, address, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    page.pdf(path=str(tmp_path / "report.pdf"), format="A4")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
