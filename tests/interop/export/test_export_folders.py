"""What exported folders hold, where they may be written, and what a checkpoint has to say for one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from models_to_export import BEIT, CONV, PLAIN, write_classifier
from refused_export import changed, error
from small_encoders import write_checkpoint

from mmmim.commands import export as export_command
from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, Swin, ViT

Change = Callable[[dict], None]


# ---------------------------------------------------------------- timm


def test_timm_knows_the_images_of_its_folder(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", Swin, window_size=2, in_channels=4)
    usage, _ = export(read_encoder(tmp_path / "run.pth"), "timm", tmp_path / "out")
    assert usage == f'model = timm.create_model("local-dir:{tmp_path}/out", pretrained=True)'
    model = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True)
    data = timm.data.resolve_model_data_config(model)
    assert data["input_size"] == (4, 32, 64) and data["crop_pct"] == 1.0 and data["interpolation"] == "bicubic"
    assert data["mean"] == pytest.approx([120 / 255] * 4) and data["std"] == pytest.approx([58 / 255] * 4)
    assert model.num_classes == 0
    stored = json.loads((tmp_path / "out/config.json").read_text(encoding="utf-8"))
    assert stored["architecture"] == "swin_tiny_patch4_window7_224" and stored["model_args"]["embed_dim"] == 16
    assert not {"tag", "license", "url", "hf_hub_id"} & set(stored["pretrained_cfg"])  # those of other weights


def test_timm_s_classifier_has_the_names_of_classes(tmp_path: Path) -> None:
    for number, (backbone, norm) in enumerate(
        [
            (dict(PLAIN, out_type="avg", final_norm=False), "ln"),
            (dict(BEIT, fc_norm=True, out_type="avg"), ()),
            (CONV, "bn"),
        ]
    ):
        model = write_classifier(tmp_path / "ft.pth", backbone, norm)
        names = list("abcde")
        changed(tmp_path / "ft.pth", lambda file: file["meta"].update(dataset_meta=dict(classes=list("abcde"))))
        export(read_encoder(tmp_path / "ft.pth"), "timm", tmp_path / f"out{number}", with_head=True)
        loaded = timm.create_model(f"local-dir:{tmp_path}/out{number}", pretrained=True).eval()
        images = torch.randn(2, 3, *model.backbone.img_size)
        with torch.no_grad():
            torch.testing.assert_close(loaded(images), model(images), rtol=1e-4, atol=1e-4)
        assert loaded.pretrained_cfg["label_names"] == names


def test_what_timm_s_registry_has_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "run.pth", BEiTViT, final_norm=False)
    encoder = read_encoder(tmp_path / "run.pth")
    with pytest.raises(UsageError, match=r"no final norm, .*name a file, --out .*out\.pth"):
        export(encoder, "timm", tmp_path / "out")
    found = BEiTViT.timm_model(encoder.meta, encoder.state)._replace(architecture=None)
    monkeypatch.setattr(BEiTViT, "timm_model", lambda *_: found)
    with pytest.raises(UsageError, match=r"no name for a BEiTViT \(TimmModel\.architecture\); name a file"):
        export(encoder, "timm", tmp_path / "out")


# ---------------------------------------------------------------- what is given


def test_a_run_stands_for_its_newest_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for epoch in (1, 2):
        write_checkpoint(run / f"epoch_{epoch}.pth", ViT)
        os.utime(run / f"epoch_{epoch}.pth", (epoch, epoch))
    assert export_command.main([str(run), "--to", "timm", "--out", str(tmp_path / "out")]) == 0
    assert f"(from {run / 'epoch_2.pth'})" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    told = error(capsys, tmp_path / "empty", "--to", "timm", "--out", tmp_path / "other")
    assert "no checkpoint at" in told and "the work directory of a run" in told


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        (dict(mean=None), "how its images were normalised"),
        (dict(std=[0.0, 1.0, 1.0]), "how its images were normalised"),
        (dict(mean=[1.0, 2.0]), "how its images were normalised"),
        (dict(std=["a", "b", "c"]), "needs 'mean' and 'std' of 3 channels"),
    ],
)
def test_a_folder_needs_the_facts_of_its_images(tmp_path: Path, checkpoint: Path, facts: dict, names: str) -> None:
    changed(checkpoint, lambda file: file["meta"]["mmmim"].update(facts))
    encoder = read_encoder(checkpoint)
    with pytest.raises(UsageError, match=f"--to timm: .*{names}.*use --to timm --out FILE.pth"):
        export(encoder, "timm", tmp_path / "out")
    assert export(encoder, "timm", tmp_path / "vit.pth")[1] == 0
