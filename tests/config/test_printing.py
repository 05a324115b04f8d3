"""The printed config is the config, and what is said of the origin of a value is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from mmmim import compat
from mmmim.config.origin import Origin, origins
from mmmim.config.printing import printed

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path
    for folder in ("configs", "projects")
    for path in (ROOT / folder).rglob("*.py")
    if "_base_" not in path.parts and "_base_ = " in path.read_text(encoding="utf-8")
)
compat.setup()


def check_cover(value: Any, origin: Origin, path: str) -> None:
    if isinstance(origin, str):
        return
    below = value if isinstance(value, dict) else {str(index): item for index, item in enumerate(value)}
    assert list(origin) == list(below), path
    for key, item in below.items():
        check_cover(item, origin[key], f"{path}.{key}")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_text_is_the_config_and_every_key_has_an_origin(path: Path) -> None:
    settings = Config.fromfile(path).to_dict()
    found = origins(path)
    check_cover(settings, found, "")
    for text in (printed(settings), printed(settings, found)):
        assert Config.fromstring(text, ".py").to_dict() == settings


def test_comments_follow_the_smallest_part_of_one_file(chain: Path) -> None:
    text = printed(Config.fromfile(chain).to_dict(), origins(chain))
    assert '        type="A",  # base.py\n        depth=2,  # run.py\n' in text
    assert '    head=dict(type="C", k=4),  # run.py\n' in text
    assert text.index("# model") < text.index("# schedule") < text.index("# helper variables")


@pytest.mark.parametrize("value", ["it's", 'say "a"', "a\\b\n", (1,), (), [], {}, {"a-b": 1, "class": 2}, 1e-6, None])
def test_any_plain_value_is_read_back(value: Any) -> None:
    names: dict[str, Any] = {}
    exec(printed(dict(value=value)), names)
    assert names["value"] == value
