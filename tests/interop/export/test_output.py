from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from refused_export import error

from mmmim.commands import export as export_command
from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import ViT


def test_places_that_are_taken_stay_as_they_are(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "note.txt").write_text("mine", encoding="utf-8")
    words = [checkpoint, "--to", "timm", "--out"]
    assert f"--out {full}: the folder is not empty; give the name of a new folder" in error(capsys, *words, full)
    assert f"--out {full}/note.txt: is a file; give the name of a new folder" in error(
        capsys, *words, full / "note.txt"
    )
    wrong = f"--out {full}/note.txt/out: {full}/note.txt is no folder"
    assert wrong in error(capsys, *words, full / "note.txt" / "out")
    os.mkdir(tmp_path / "taken.pth")
    assert "taken.pth: is a folder; give the name of a file in it" in error(capsys, *words, tmp_path / "taken.pth")
    assert [path.name for path in full.iterdir()] == ["note.txt"]
    (tmp_path / "vit.v2").mkdir()  # a suffix of no file
    assert export_command.main([str(word) for word in (*words, tmp_path / "vit.v2")]) == 0
    with pytest.raises(UsageError, match=r"--to transformers writes a folder; leave \.pth out of the name"):
        export(read_encoder(checkpoint), "transformers", tmp_path / "a.pth")
    with pytest.raises(UsageError, match=r"--to onnx writes a folder, or a file \.onnx; leave \.pt2 out"):
        export(read_encoder(checkpoint), "onnx", tmp_path / "a.pt2")


def test_a_place_without_write_permission(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)  # root may write everywhere
    told = error(capsys, checkpoint, "--to", "timm", "--out", tmp_path / "locked" / "out")
    assert f"--out {tmp_path}/locked/out: cannot be written (Permission denied)" in told


def test_an_empty_folder_is_filled_and_others_may_read_it(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "out").mkdir()
    before = os.umask(0o022)
    try:
        export(read_encoder(checkpoint), "timm", tmp_path / "out")
    finally:
        os.umask(before)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert modes == {0o644}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run.pth"]


def test_a_failed_export_keeps_the_file_of_an_earlier_one(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = read_encoder(checkpoint)
    export(encoder, "timm", tmp_path / "vit.pth")
    before = (tmp_path / "vit.pth").read_bytes()
    right = ViT.timm_model(encoder.meta, encoder.state)
    wrong = right._replace(arguments=dict(right.arguments, num_heads=4))
    monkeypatch.setattr(ViT, "timm_model", lambda *_: wrong)
    with pytest.raises(UsageError, match="features differ"):
        export(encoder, "timm", tmp_path / "vit.pth")
    assert (tmp_path / "vit.pth").read_bytes() == before
