"""The commands of docs/export.md, on tiny runs with the names of the page, and the code that opens what they wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from markdown_commands import blocks, commands
from models_to_export import PLAIN, write_classifier, write_pretraining, write_upernet

from mmmim.commands import export as export_command

PAGE = Path(__file__).parents[3] / "docs/export.md"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("onnxscript")
    folders = {name: tmp_path / "work_dirs/mae" / name for name in ("vit-tiny_toy", "downstream/ft_vit-tiny_toy")}
    folders["upernet"] = tmp_path / "work_dirs/mae/downstream/upernet_vit-tiny_toy"
    for folder in folders.values():
        folder.mkdir(parents=True)
    write_pretraining(folders["vit-tiny_toy"] / "epoch_1.pth", img_size=64)
    backbone = dict(PLAIN, out_type="avg", final_norm=False, img_size=32)
    write_classifier(folders["downstream/ft_vit-tiny_toy"] / "epoch_1.pth", backbone, "ln")
    write_upernet(folders["upernet"] / "iter_4.pth")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_works_from_top_to_bottom(runs: Path, capsys: pytest.CaptureFixture) -> None:
    told = [command for command in commands(PAGE) if "tools/export.py" in command.words]
    assert len(told) >= 6
    for command in told:
        assert export_command.main(list(command.words[2:])) == 0, capsys.readouterr().err
    snippets = [block for block in blocks(PAGE.read_text(encoding="utf-8")) if block.language == "py"]
    assert len(snippets) == 4
    for snippet in snippets:
        names: dict = {}
        exec(compile(snippet.body, f"docs/export.md:{snippet.line}", "exec"), names)
        for name in ("features", "logits"):
            assert name not in names or torch.as_tensor(names[name]).isfinite().all()
    for card in (runs / "exports").glob("*/README.md"):  # and so do the lines of every model card
        (code,) = (block for block in blocks(card.read_text(encoding="utf-8")) if block.language == "python")
        size = 96 if card.parent.name == "upernet" else 64
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(card.parents[1])
            images = torch.rand(2, 3, size, size)
            exec(code.body, dict(images=images.numpy() if card.parent.name == "onnx" else images))
