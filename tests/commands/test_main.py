"""The command ``mmmim``: its verbs, their help texts, and what it answers to a mistake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmmim.called import VARIABLE, VERBS
from mmmim.commands import scripts
from mmmim.commands.main import main, verbs

ROOT = Path(__file__).parents[2]
UNGROUPED = 4  # options that a command may have without groups
EXAMPLE = re.compile(r"^ *(?:\w+=\S+ )*mmmim [a-z]", re.MULTILINE)


def help_of(verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert not stop.value.code
    return capsys.readouterr().out


def complete(line: str, tmp_path: Path) -> list[str]:
    """Return what a shell would offer for a line whose last word is incomplete."""
    out = tmp_path / "completions"
    environment = dict(COMP_LINE=line, COMP_POINT=str(len(line)), _ARGCOMPLETE="1", _ARGCOMPLETE_STDOUT_FILENAME=out)
    subprocess.run(
        [sys.executable, "-m", "mmmim"],
        cwd=tmp_path,
        env={**os.environ, **environment, "_ARGCOMPLETE_IFS": "\n"},
        check=True,
    )
    return [word.strip() for word in out.read_text(encoding="utf-8").split("\n") if word]


def test_the_help_lists_the_verbs_whose_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["--help"]) == 0
    listed = re.findall(r"^  ([a-z-]+)  +[a-zA-Z]", capsys.readouterr().out, re.MULTILINE)
    assert set(listed) == {*verbs(), "completion"}
    assert {"train", "test", "dist-train", "probe", "knn", "embed", "export", "convert", "visualize"} < set(listed)
    assert {"reproduce", "pack", "doctor", "list-models", "print-config", "demo", "benchmark", "replay"} < set(listed)
    for verb in verbs():
        tool = ROOT / "tools" / verb.replace("-", "_")
        assert tool.with_suffix(".sh" if verb in scripts.VERBS else ".py").is_file(), verb


@pytest.mark.parametrize("verb", verbs())
def test_a_verb_is_explained_in_its_own_words(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(verb, capsys)
    assert text.startswith(f"usage: mmmim {verb} ")
    assert EXAMPLE.search(text), "there is no example"
    assert not re.search(r"tools/\w+\.(py|sh)", text)
    groups = re.findall(r"^([a-z ]+):\n((?:  .*\n|\n(?=  ))+)", text, re.MULTILINE)
    options = dict(groups)["options"]
    assert len(re.findall(r"^  -", options, re.MULTILINE)) <= UNGROUPED, "group these options"


def test_a_verb_leaves_the_process_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    before = list(sys.argv), os.environ.get(VARIABLE)
    help_of("train", capsys)
    assert (list(sys.argv), os.environ.get(VARIABLE)) == before


def test_dist_train_needs_no_clone_around_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mmmim", "dist-train", "mae/vit-tiny_toy", "2", "--epochs", "1"],
        cwd=tmp_path,
        env={**os.environ, "DRY": "1", "LOCAL_GPUS": "2", "PYTHON": "python"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(
        r"python \S+/tools/launch.py --nodes 1 --node-rank 0 --processes 2 --master-addr 127.0.0.1 \S+/tools/train.py "
        r"mae/vit-tiny_toy --launcher pytorch --epochs 1 \n",
        done.stdout,
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "there is no verb trian; did you mean 'train'?"),
        (["print_config", "mae/vit-tiny_toy"], "did you mean 'print-config'?"),
        (["--versoin"], "there is no option --versoin"),
        (["train", "mae/vit-tiny_toi"], "mae/vit-tiny_toi does not exist; did you mean configs/mae/vit-tiny_toy.py"),
        (["train", "mae/vit-tiny_toy", "--epcohs", "2"], "arguments: --epcohs 2; did you mean '--epochs'?"),
        (["visualize", "masks", "mae/vit-tiny_toy", "--date", "DIR", "--out", "x.png"], "did you mean '--data'?"),
        (["dist-train", "mae/vit-tiny_toy"], "the following arguments are required: GPUS"),
        (["completion", "fish"], "invalid choice: 'fish'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(words)
    except SystemExit as stop:
        status = stop.code
    err = capsys.readouterr().err
    assert status == 2 and message in err and "Traceback" not in err


def test_an_old_name_of_an_option_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    from mmmim.commands.visualize import parse_args

    words = ["reconstruction", "CONFIG", "CKPT", "--out", "x.png"]
    assert parse_args([*words, "--images", "DIR"]).images == parse_args([*words, "--data", "DIR"]).images == "DIR"
    assert "--images is now --data; its old name goes with the next release" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse_args(["reconstruction", "--help"])
    assert "--images" not in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_code_for_the_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    code = capsys.readouterr().out
    assert "mmmim" in code and "_ARGCOMPLETE" in code


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mmmim tr", ["train"]),
        ("mmmim comp", ["completion"]),
        ("mmmim train --epo", ["--epochs"]),
        ("mmmim train mae/vit-t", ["mae/vit-tiny_toy"]),
        ("mmmim dist-train configs/mae/vit-t", ["configs/mae/vit-tiny_toy.py"]),
        ("mmmim visualize mask", ["masks"]),
        ("mmmim print-config mae/vit-tiny_toy --ori", ["--origin"]),
    ],
)
def test_words_are_completed(line: str, expected: list[str], tmp_path: Path) -> None:
    assert complete(line, tmp_path) == expected


def test_verbs_without_a_command_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERBS, "fly", "as birds do")
    assert "fly" not in verbs()
