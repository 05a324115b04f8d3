"""Names of configs follow one grammar, which docs/configs.md tells, and old names still work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "configs").rglob("*.py")
    if "_base_" not in path.parts and path.name != "tables.py"
)
BACKBONE = r"(?P<backbone>(vit|swin|swinv2)-(tiny|mini|s|b|l|h|g)|resnet-(tiny|mini)|resnet50(x2|x4)?|dvae(-mini)?)"
LENGTH = r"\d+e|\d+k|[13]x"
SCHEDULE = rf"(?P<schedule>{LENGTH})"
VARIANT = rf"(_(?!({LENGTH})_)(?P<variant>[a-z0-9]+(-[a-z0-9]+)*))?"
DATASET = r"(?P<dataset>in1k|inat18|inat19|flowers102|ade20k|coco)"
TASK = (
    r"(?P<task>ft(96|384)?|linear|layerwise|attentive|nonlinear[24]?|knn|lowshot(1|10)|scratch(10)?|"
    r"upernet|fpn|fcn|linear-seg|mask-rcnn)"
)
PRETRAINING = re.compile(rf"{BACKBONE}{VARIANT}_({SCHEDULE}|toy|cifar10)")
DOWNSTREAM = re.compile(rf"{TASK}_{BACKBONE}{VARIANT}_(({SCHEDULE}_)?{DATASET}|toy|cifar10)")


def parse(stem: str, downstream: bool) -> dict[str, str | None] | None:
    found = (DOWNSTREAM if downstream else PRETRAINING).fullmatch(stem)
    return None if found is None else found.groupdict()


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_the_grammar_reads_every_name(path: Path) -> None:
    assert parse(path.stem, path.parent.name == "downstream") is not None


def test_each_word_is_where_it_belongs() -> None:
    assert parse("mask-rcnn_vit-b_vitdet_100e_coco", True) == dict(
        task="mask-rcnn", backbone="vit-b", variant="vitdet", schedule="100e", dataset="coco"
    )
    assert parse("ft_vit-b_100e_in1k", True) == dict(
        task="ft", backbone="vit-b", variant=None, schedule="100e", dataset="in1k"
    )
    assert parse("ft_swin-b_100e_in1k-224", True) is None
    assert parse("vit-b_800e_paper", False) is None


def test_the_docs_tell_the_grammar() -> None:
    text = (ROOT / "docs/configs.md").read_text(encoding="utf-8")
    assert "[TASK_]BACKBONE[_VARIANT][_SCHEDULE][_DATASET].py" in text
