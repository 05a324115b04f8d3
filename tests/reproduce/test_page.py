from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmmim.errors import UsageError
from mmmim.reproduce.collect import markdown
from mmmim.reproduce.page import page, page_file, results_folder

RUN = dict(command="python ...", seed=0, config="c.py", commit="abc1234", date="2026-01-02T03:04:05+00:00",
           versions={"torch": "2.9"}, device="CPU, x86_64", seconds=90.0, metrics={})  # fmt: skip
DATA = dict(
    method="toy",
    table="classification",
    title="Top-1",
    source="s",
    scale="toy",
    seeds=3,
    command="python tools/reproduce.py toy classification --seeds 3",
    metrics=["linear", "knn"],
    rows=[
        dict(name="mae", published={}, own={"linear": [60.0, 61.0, 62.0]}, remarks=[]),
        dict(name="beit", published={}, own={}, remarks=[]),
    ],
    runs={"a": RUN, "b": RUN},
)


def test_the_committed_page_is_what_the_committed_results_give() -> None:
    assert page_file().read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("file", sorted(results_folder().glob("*.json")), ids=lambda file: file.stem)
def test_committed_tables_are_what_their_json_gives(file: Path) -> None:
    assert file.with_suffix(".md").read_text(encoding="utf-8") == markdown(json.loads(file.read_text(encoding="utf-8")))


def test_a_section_has_command_numbers_and_origin(tmp_path: Path) -> None:
    (tmp_path / "toy_classification.json").write_text(json.dumps(DATA), encoding="utf-8")
    text = page(tmp_path)
    assert "## Classification at toy scale" in text and DATA["command"] in text
    assert "| mae | 61.0 ± 1.0 |  |" in text and "| beit |  |  |" in text
    assert "2 runs; 3 minutes in all; CPU, x86_64; torch 2.9; commit abc1234; 2026-01-02." in text


def test_without_results_the_page_says_so(tmp_path: Path) -> None:
    assert "No table has been run yet" in page(tmp_path)


@pytest.mark.parametrize(("content", "message"), [('{"method": "toy"', "Expecting"), ("[]", "it has no method")])
def test_a_broken_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "toy_dense.json").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=f"toy_dense.json: .*{message}"):
        page(tmp_path)
