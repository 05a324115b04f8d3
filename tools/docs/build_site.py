"""Build the documentation site into ``site``: warnings, dead links and dead anchors are errors."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from site_pages import ROOT, SiteFolder

CONFIG = ROOT / "zensical.toml"
PAGES = ROOT / "build/site_pages"  # docs_dir of the config
PROBLEM = re.compile(r"\bwarning\b|\berror\b|^griffe: |^Traceback", re.I | re.M)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the settings of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="show the site, and build it again when a page changes")
    return parser.parse_args(argv)


def zensical(*words: str, config: Path = CONFIG) -> list[str]:
    """Return the command line of the site generator."""
    return [sys.executable, "-m", "zensical", *words, "--config-file", str(config)]


def build(config: Path = CONFIG) -> str:
    """Build the site of a config, and return what is wrong with it, or nothing."""
    command = zensical("build", "--strict", "--clean", config=config)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = COLOURS.sub("", done.stdout)
    return output if done.returncode or PROBLEM.search(output) else ""


def newest(folder: SiteFolder) -> float:
    """Return when one of the pages was last changed."""
    return max((ROOT / page).stat().st_mtime for page in folder.pages)


def serve(folder: SiteFolder) -> None:
    """Show the site until it is interrupted."""
    seen = newest(folder)
    server = subprocess.Popen(zensical("serve"), cwd=ROOT)
    try:
        while server.poll() is None:
            time.sleep(1)
            if newest(folder) > seen:
                seen = newest(folder)
                folder.write()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()


def main(argv: list[str] | None = None) -> int:
    """Lay the pages out and build or show the site."""
    args = parse_args(argv)
    if sys.version_info < (3, 11):
        print("error: the site needs Python 3.11: make docs VENV=.venv-311 PYTHON=python3.11", file=sys.stderr)
        return 2
    shutil.rmtree(PAGES, ignore_errors=True)  # pages that are gone
    folder = SiteFolder(PAGES)
    folder.write()
    if args.serve:
        serve(folder)
        return 0
    started = time.perf_counter()
    wrong = build()
    print(wrong or f"{len(folder.pages)} pages in {Path('site')}, built in {time.perf_counter() - started:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
