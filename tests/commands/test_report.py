from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.commands.report import main


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    folder = tmp_path / "begun"
    (folder / "20260101_000000" / "vis_data").mkdir(parents=True)
    return folder


def test_the_page_lies_in_the_folder_of_the_run(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(begun), "--no-pictures"]) == 0
    assert f"wrote {begun / 'report.html'}; open it in a browser" in capsys.readouterr().out
    assert "<h1>begun</h1>" in (begun / "report.html").read_text(encoding="utf-8")


def test_several_runs_share_a_page_here(
    begun: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(begun.parent)
    assert main(["begun", "begun", "--names", "one", "two", "--no-pictures", "--title", "Two"]) == 0
    text = Path("report.html").read_text(encoding="utf-8")
    assert "<h1>Two</h1>" in text and 'scope="col">one<' in text and 'scope="col">two<' in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "RUN: 'nothing' does not exist"),
        (["begun", "--out", "."], "--out .: this is a folder"),
    ],
)
def test_mistakes_are_one_line(
    begun: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(begun.parent)
    assert main(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", [["begun", "--num", "0"], ["begun", "--names", "a", "b"]])
def test_options_that_say_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
