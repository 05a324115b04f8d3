"""transformers' models give our features and logits, and what they cannot be is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models_to_export import BEIT, CONV, PLAIN, SWIN, SWIN_V2, write_classifier
from other_libraries import ENCODERS
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

transformers = pytest.importorskip("transformers")
SQUARE = dict(img_size=32)


@pytest.mark.parametrize("name", ENCODERS)
def test_features_agree_in_double_precision(tmp_path: Path, name: str) -> None:
    cls, settings = ENCODERS[name]
    model = write_checkpoint(tmp_path / "run.pth", cls, **settings)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), "transformers", tmp_path / "out")
    assert difference < 1e-10 and "AutoModel.from_pretrained" in usage
    names: dict = {}
    exec("from transformers import AutoModel, AutoImageProcessor\n" + usage, names)
    images = torch.randn(2, model.in_channels, *model.img_size, dtype=torch.float64)
    model.out_type = "raw"
    with torch.no_grad():
        theirs, ours = names["model"].eval().double()(images).last_hidden_state, model.double()(images)[-1]
    theirs = theirs if theirs.ndim == 3 else theirs.flatten(2).transpose(1, 2)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-9)
    assert ours.std() > 0.05
    assert ("processor" in names) == (model.in_channels in (1, 3))


@pytest.mark.parametrize(
    ("backbone", "norm", "theirs"),
    [
        (dict(PLAIN, out_type="cls"), "bn", "ViTForImageClassification"),
        (dict(PLAIN, out_type="avg", final_norm=False, **SQUARE), "ln", "BeitForImageClassification"),
        (dict(BEIT, out_type="avg", fc_norm=True, **SQUARE), (), "BeitForImageClassification"),
        (dict(BEIT, out_type="cls", **SQUARE), "bn", "BeitForImageClassification"),
        (SWIN, "bn", "SwinForImageClassification"),
        (SWIN_V2, (), "Swinv2ForImageClassification"),
        (CONV, "bn", "ResNetForImageClassification"),
    ],
)
def test_classifiers_give_our_logits(tmp_path: Path, backbone: dict, norm: object, theirs: str) -> None:
    if "Swin" in backbone["type"]:
        backbone = dict(backbone, window_size=2)
    model = write_classifier(tmp_path / "ft.pth", backbone, norm)
    checkpoint = torch.load(tmp_path / "ft.pth")
    names = ["ant", "bee, wild", "cat", "dog", "eel"]
    checkpoint["meta"]["dataset_meta"] = dict(classes=names)
    torch.save(checkpoint, tmp_path / "ft.pth")
    usage, difference = export(read_encoder(tmp_path / "ft.pth"), "transformers", tmp_path / "out", with_head=True)
    assert difference < 1e-5 and "AutoModelForImageClassification" in usage
    loaded = transformers.AutoModelForImageClassification.from_pretrained(tmp_path / "out").eval().double()
    assert type(loaded).__name__ == theirs and list(loaded.config.id2label.values()) == names
    images = torch.randn(3, 3, *model.backbone.img_size, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images).logits, model.double()(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("cls", "settings", "reason"),
    [
        (ViT, dict(with_cls_token=False), "always has a class token"),
        (ViT, dict(final_norm=False), "images are 32x48"),
        (BEiTViT, {}, "resizes position tables as those of a square"),
        (BEiTViT, dict(window_size=2, rel_pos="block"), "no adapter is known for a windowed_vit"),
        (Swin, {}, "its windows are square"),
        (Swin, dict(img_size=32, window_size=8), "windows of 8 in all stages, here the maps of 1 are smaller"),
        (Swin, dict(img_size=32, dynamic_size=True), "does not shift windows in a stage whose map is not larger"),
        (SwinV2, dict(img_size=32, extra_norm_every_n_blocks=2), "no norm after every 2 blocks"),
        (ResNet, dict(stem="3x3"), "begins with a 7x7 convolution, this one with 3x3"),
        (ResNet, dict(output_stride=8), "cannot be dilated"),
    ],
)
def test_what_transformers_cannot_represent_is_refused(tmp_path: Path, cls: type, settings: dict, reason: str) -> None:
    write_checkpoint(tmp_path / "run.pth", cls, **settings)
    with pytest.raises(UsageError, match=f"--to transformers: .*{reason}"):
        export(read_encoder(tmp_path / "run.pth"), "transformers", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("backbone", "norm", "reason"),
    [
        (dict(PLAIN, out_type="avg"), (), "classifies the class token"),
        (dict(BEIT, out_type="avg", **SQUARE), (), "norms the mean of the patches"),
        (dict(BEIT, out_type="cls", final_norm=False, **SQUARE), (), "norms all tokens before"),
        (CONV, "ln", "no norm before its last layer"),
    ],
)
def test_heads_that_transformers_has_not_are_refused(tmp_path: Path, backbone: dict, norm: object, reason: str) -> None:
    write_classifier(tmp_path / "ft.pth", backbone, norm)
    with pytest.raises(UsageError, match=f"--to transformers: .*{reason}"):
        export(read_encoder(tmp_path / "ft.pth"), "transformers", tmp_path / "out", with_head=True)
