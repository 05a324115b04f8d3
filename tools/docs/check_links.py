"""Ask every external link of the Markdown pages for its page, and name those that lead nowhere.

The exit status is 1 where a server answers that there is no such page, and 2 where no server answers at all. A server
that refuses to answer programs (403, 429) is named, and counts as alive.
"""

from __future__ import annotations

import argparse
import re
import sys
import urllib.error
import urllib.request
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/helpers"))

from markdown_commands import links, tracked_pages  # noqa: E402

ASKED = {"User-Agent": "Mozilla/5.0 (links of the documentation of mmmim)"}
REFUSING = {401, 403, 405, 429}  # answers to programs, not to readers


def external_links(root: Path = ROOT) -> dict[str, list[Path]]:
    """Return the addresses that the pages link to, with the pages."""
    found = defaultdict(list)
    for page in tracked_pages(root):
        for link in links(page):
            if re.match(r"https?:", link):
                found[link.partition("#")[0]].append(page.relative_to(root))
    return dict(found)


def answer(address: str, timeout: float) -> str:
    """Return what is wrong with an address: nothing, a status, or that nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=ASKED), timeout=timeout):
            return ""
    except urllib.error.HTTPError as error:
        return f"refuses programs ({error.code})" if error.code in REFUSING else f"status {error.code}"
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        return f"no answer ({getattr(error, 'reason', error)})"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the settings of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=30, metavar="SECONDS", help="default: 30")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Print what does not answer, and return the exit status."""
    args = parse_args(argv)
    addresses = external_links()
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(addresses, pool.map(lambda each: answer(each, args.timeout), addresses), strict=True))
    for address, wrong in answers.items():
        if wrong:
            print(f"{address}: {wrong}; linked in {', '.join(map(str, addresses[address]))}")
    silent = sum(wrong.startswith("no answer") for wrong in answers.values())
    dead = sum(wrong.startswith("status") for wrong in answers.values())
    print(f"{len(answers)} external links: {dead} dead, {silent} without an answer")
    return 2 if answers and silent == len(answers) else int(bool(dead or silent))


if __name__ == "__main__":
    raise SystemExit(main())
