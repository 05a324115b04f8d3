from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from mmmim.commands.main import main
from mmmim.commands.output import check_output
from mmmim.errors import UsageError


def test_places_that_can_be_made_pass(tmp_path: Path) -> None:
    check_output("--out", None)
    check_output("--out", tmp_path / "new/folder/file.json")
    check_output("--out", tmp_path, folder=True)
    assert list(tmp_path.iterdir()) == []


def test_places_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"--out .*: this is a folder; choose another name"):
        check_output("--out", tmp_path)
    with pytest.raises(UsageError, match=r"--work-dir .*: this is a file; choose another name"):
        check_output("--work-dir", tmp_path / "file", folder=True)
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path / 'file'} is no folder; choose another place")):
        check_output("--out", tmp_path / "file/a/b.json")


def test_a_folder_that_refuses_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path} cannot be written to (Permission denied); choose")):
        check_output("--out", tmp_path / "a/b.json")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["train", "mae/vit-tiny_toy", "--work-dir"], "--work-dir"),
        (["test", "mae/vit-tiny_toy", "none", "--out"], "--out"),
        (["knn", "mae/vit-tiny_toy", "none", "--out"], "--out"),
        (["probe", "mae/vit-tiny_toy", "none", "--out"], "--out"),
        (["export", "none", "--to", "timm", "--out"], "--out"),
        (["convert", "none", "--out"], "--out"),
        (["visualize", "masks", "mae/vit-tiny_toy", "--out"], "--out"),
        (["embed", "none", "--data", "none", "--out"], "--out"),
        (["pack", "none"], "OUT"),
    ],
)
def test_commands_refuse_an_unwritable_place_before_the_work(
    words: list[str], option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    place = str(tmp_path / "file/out.npz")
    assert main([*words, place]) == 2
    assert (
        capsys.readouterr().err == f"error: {option} {place}: {tmp_path / 'file'} is no folder; choose another place\n"
    )
