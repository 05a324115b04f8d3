"""Classifiers leave with their head: timm's and torchvision's models give our logits."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from models_to_export import BEIT, CONV, PLAIN, SWIN, SWIN_V2, write_classifier
from official_names import beit_finetuned, drawn

from mmmim.commands import export as export_command
from mmmim.commands.running import run_tool
from mmmim.errors import UsageError
from mmmim.interop.convert import convert_file
from mmmim.interop.export import export, read_encoder
from mmmim.models.classifiers import ImageClassifier


def logits_agree(usage: str, model: ImageClassifier) -> None:
    names = dict(timm=timm, torchvision=torchvision, torch=torch, partial=partial)
    exec(usage, names)
    images = torch.randn(3, 3, *model.backbone.img_size, dtype=torch.float64)
    with torch.no_grad():
        theirs, ours = names["model"].double().eval()(images), model.double()(images)
    assert ours.shape == (3, 5) and ours.std() > 0.01
    torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("backbone", "norm"),
    [
        (dict(PLAIN, out_type="avg", final_norm=False), "ln"),
        (dict(PLAIN, out_type="avg", final_norm=False), "ln_fixed"),
        (dict(PLAIN, out_type="avg", final_norm=False, with_cls_token=False), "ln"),
        (dict(PLAIN, out_type="avg"), ()),
        (dict(PLAIN, out_type="cls"), ()),
        (dict(PLAIN, out_type="cls"), "bn"),
        (dict(PLAIN, out_type="cls", final_norm=False), ()),
        (dict(BEIT, out_type="avg", final_norm=False), "ln"),
        (dict(BEIT, out_type="avg", fc_norm=True), ()),
        (dict(BEIT, out_type="cls"), "bn"),
        (dict(BEIT, out_type="avg"), ()),
        (dict(BEIT, out_type="avg", final_norm=False, rel_pos="none", pos_embed="learned"), "ln"),
        (SWIN, ()),
        (SWIN, "bn"),
        (SWIN_V2, ()),
        (CONV, ()),
        (CONV, "bn"),
    ],
)
def test_timm_gives_our_logits(tmp_path: Path, backbone: dict, norm: object) -> None:
    model = write_classifier(tmp_path / "ft.pth", backbone, norm)
    usage, difference = export(read_encoder(tmp_path / "ft.pth"), "timm", tmp_path / "out.pth", with_head=True)
    assert difference < 1e-5
    logits_agree(usage, model)


@pytest.mark.parametrize("norm", [(), "bn"])
def test_torchvision_gives_our_logits(tmp_path: Path, norm: object) -> None:
    model = write_classifier(tmp_path / "ft.pth", CONV, norm)
    usage, difference = export(read_encoder(tmp_path / "ft.pth"), "torchvision", tmp_path / "out.pth", with_head=True)
    assert difference < 1e-5 and "num_classes=5" in usage and "Identity" not in usage
    logits_agree(usage, model)


def test_a_converted_classifier_goes_on_to_timm(tmp_path: Path) -> None:
    torch.save(dict(model=drawn(beit_finetuned())), tmp_path / "official.pth")
    convert_file(tmp_path / "official.pth", tmp_path / "ours.pth")
    out = tmp_path / "out.pth"
    assert export(read_encoder(tmp_path / "ours.pth"), "timm", out, with_head=True)[1] < 1e-5
    assert {"fc_norm.weight", "head.bias"} <= set(torch.load(out))


@pytest.mark.parametrize("backbone", [dict(PLAIN, out_type="avg", final_norm=False), SWIN, SWIN_V2])
def test_official_files_have_the_head(tmp_path: Path, backbone: dict) -> None:
    write_classifier(tmp_path / "ft.pth", backbone, "ln" if "ViT" in backbone["type"] else ())
    usage, difference = export(read_encoder(tmp_path / "ft.pth"), "official", tmp_path / "out.pth")
    stored = torch.load(tmp_path / "out.pth")["model"]
    assert difference == 0 and stored["head.weight"].shape[0] == 5 and "left out" not in usage
    assert ("fc_norm.weight" in stored) == ("ViT" in backbone["type"])


@pytest.mark.parametrize(
    ("backbone", "norm", "more", "reason"),
    [
        (dict(PLAIN, out_type="avg"), "ln", {}, "are normed twice"),
        (SWIN, "ln", {}, "are normed twice"),
        (CONV, "ln", {}, "ResNet has no norm before its last layer"),
        (dict(PLAIN, out_type="cls"), ["ln", "bn"], {}, r"has the norms \['ln', 'bn'\]"),
        (dict(PLAIN, out_type="raw"), (), dict(neck=dict(type="mmmim.ProbeBlocks", depth=1)), "is a neck"),
    ],
)
def test_heads_that_others_do_not_have_are_refused(
    tmp_path: Path, backbone: dict, norm: object, more: dict, reason: str
) -> None:
    write_classifier(tmp_path / "ft.pth", backbone, norm, **more)
    with pytest.raises(UsageError, match=f"--with-head: .*{reason}"):
        export(read_encoder(tmp_path / "ft.pth"), "timm", tmp_path / "out.pth", with_head=True)
    assert not (tmp_path / "out.pth").exists()


def test_mistakes_are_one_message(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:

    def error(*words: object) -> str:
        options = ["--with-head", "--out", tmp_path / "out.pth", *words]
        assert run_tool(export_command.run, export_command.parse_args([str(word) for word in options])) == 2
        return capsys.readouterr().err

    file = tmp_path / "ft.pth"
    write_classifier(file, SWIN)
    assert "--with-head: a classifier is for --to timm, " in error(file, "--to", "safetensors")
    assert "--with-head: --to official always writes the head" in error(file, "--to", "official")
    checkpoint = torch.load(file)
    torch.save(dict(checkpoint, meta=dict(mmmim=checkpoint["meta"]["mmmim"])), file)
    assert "the checkpoint does not say what its head sees" in error(file, "--to", "timm")
    state = {name: value for name, value in checkpoint["state_dict"].items() if name.startswith("backbone.")}
    torch.save(dict(checkpoint, state_dict=state), file)
    assert "holds no head of a classifier" in error(file, "--to", "timm")
