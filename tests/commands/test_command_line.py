"""Parsers of commands import no library, so some words of the libraries' side are written there again."""

from __future__ import annotations

import pytest

from mmmim.commands import avgdist, cim_parts, knn
from mmmim.commands.command_line import CommandParser
from mmmim.commands.work.avgdist import SQUARE_CELL
from mmmim.evaluation.knn import DEFAULT_K
from mmmim.models.target_generators.pixel import NORMS
from mmmim.models.tokenizers.base import DTYPES
from mmmim.visualization.options import KINDS


def help_of(command, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        command.parse_args(["--help"])
    return " ".join(capsys.readouterr().out.split())


def test_words_of_the_parsers_are_those_of_the_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(DTYPES) == cim_parts.DTYPES
    assert {*KINDS, "none"} == set(NORMS)
    assert f"default: {' '.join(map(str, DEFAULT_K))}," in help_of(knn, capsys)
    assert f"in cells of {SQUARE_CELL} pixels" in help_of(avgdist, capsys)


def parser() -> CommandParser:
    made = CommandParser()
    made.add_cfg_options()
    return made


def test_changes_to_a_config_are_a_dict() -> None:
    words = ["--cfg-options", "a.b=1", "c=[1,(2,x)]", "--cfg-options", "d=None", "a.b=2.5", "e=k=v"]
    expected = {"a.b": 2.5, "c": [1, (2, "x")], "d": None, "e": "k=v"}
    assert parser().parse_args(words).cfg_options == expected
    assert parser().parse_args([]).cfg_options == {}


@pytest.mark.parametrize(
    ("word", "message"), [("a.b", "'a.b' is not of the form KEY=VALUE"), ("a=[1,(2]", "Imbalanced brackets")]
)
def test_other_words_are_refused(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parser().parse_args(["--cfg-options", word])
    assert stop.value.code == 2 and message in capsys.readouterr().err
