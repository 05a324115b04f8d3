"""The documentation site in a browser: what axe-core finds, requests to other hosts, search, and narrow screens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from built_site import built_site

pytestmark = pytest.mark.browser

PAGES = ["", "configs/ccmim/", "docs/methods/", "docs/faq/", "docs/reference/python/", "docs/reference/parts/"]
# The theme puts a <nav> without a name around the button that copies a block of code.
OF_THE_THEME = {"landmark-unique"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None: ...


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = built_site(tmp_path_factory.mktemp("site"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def opened(browser: Any, url: str, **settings: Any) -> Any:
    page = browser.new_context(**settings).new_page()
    page.goto(url, wait_until="networkidle")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(path: str, scheme: str, address: str, browser: Any) -> None:
    page = opened(browser, address + path, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    told = {each["id"]: each["nodes"][0]["html"][:200] for each in found if each["id"] not in OF_THE_THEME}
    assert told == {}


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_asked_of_other_hosts_and_nothing_fails(path: str, address: str, browser: Any) -> None:
    page = browser.new_context().new_page()
    outside, errors = [], []
    page.on("request", lambda request: outside.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(address + path, wait_until="networkidle")
    assert [url for url in outside if not url.startswith((address, "data:", "blob:"))] == []
    assert errors == []


def test_search_finds_a_method(address: str, browser: Any) -> None:
    page = opened(browser, address)
    page.keyboard.press("Control+k")
    page.keyboard.type("RevDet")
    page.get_by_role("dialog").filter(has_text="MethodsCIM").wait_for(timeout=30_000)  # the section and its page


@pytest.mark.parametrize("path", PAGES)
def test_a_narrow_screen_does_not_scroll_sideways(path: str, address: str, browser: Any) -> None:
    page = opened(browser, address + path, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_figures_follow_the_scheme_of_the_page(address: str, browser: Any) -> None:
    bytes_of = {}
    for scheme in ("light", "dark"):
        page = opened(browser, f"{address}configs/mae/", color_scheme=scheme)
        bytes_of[scheme] = page.locator("img[src$='mae.svg']").screenshot()
    assert bytes_of["light"] != bytes_of["dark"]
