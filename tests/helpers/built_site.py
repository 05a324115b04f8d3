"""The documentation site, built in a folder of a test."""

from __future__ import annotations

import re
from pathlib import Path

from build_site import CONFIG, build
from site_pages import ROOT, SiteFolder


def moved_config(folder: Path, nav: bool = True) -> Path:
    """Write the config so that pages and site lie in ``folder``, perhaps without its navigation."""
    text = CONFIG.read_text(encoding="utf-8").replace('"build/site_pages"', '"pages"')
    text = text.replace('paths = ["."]', f'paths = ["{ROOT}"]').replace('"tools/docs/', f'"{ROOT}/tools/docs/')
    if not nav:
        text = re.sub(r"^nav = \[\n.*?^\]\n", "", text, flags=re.M | re.S)
    (folder / "zensical.toml").write_text(text, encoding="utf-8")
    return folder / "zensical.toml"


def built_site(folder: Path) -> Path:
    """Build the site below ``folder`` and return where it is."""
    SiteFolder(folder / "pages").write()
    assert build(moved_config(folder)) == ""
    return folder / "site"
