from __future__ import annotations

import re

import pytest

from mmmim.commands.reproduce import main
from mmmim.reproduce.tables import load_tables


@pytest.mark.parametrize("method", ["ccmim", "mae"])
def test_the_list_names_every_row_with_its_published_numbers(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([method, "--list"]) == 0
    out = capsys.readouterr().out
    for table in load_tables(method):
        assert f"{table.name}: {table.title}" in out
        for row in table.rows:
            line = next(line for line in out.splitlines() if re.match(rf"  {re.escape(row.name)} +\[", line))
            assert (f"run {method}/" in line) == bool(row.evaluations())
            assert ("number only: " in line) == any(row.why_number_only(m) for m in row.published)
    if method == "ccmim":
        assert re.search(r"ccmim-800e +\[run ccmim/vit-b_800e.py\] +published: linear 68.9 +finetune 84.2", out)
        assert len(re.findall("number only", out)) == 18 + 14 + 8 + 8


@pytest.mark.parametrize("words", [["ccmim"], [], ["ccmim", "table5", "--seeds", "0"]])
def test_an_incomplete_command_line_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
