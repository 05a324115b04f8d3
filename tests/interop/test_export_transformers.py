"""transformers' models give our features and logits, and what they cannot be is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from models_to_export import BEIT, CONV, PLAIN, SWIN, SWIN_V2, write_classifier, write_pretraining
from other_libraries import ENCODERS
from PIL import Image
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT
from mmmim.models.layers import PatchMask

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


def test_an_encoder_without_final_norm_is_their_beit(tmp_path: Path) -> None:
    for number, (cls, settings) in enumerate([(ViT, {}), (BEiTViT, dict(rel_pos="block"))]):
        write_checkpoint(tmp_path / "run.pth", cls, final_norm=False, **SQUARE, **settings)
        assert export(read_encoder(tmp_path / "run.pth"), "transformers", tmp_path / f"out{number}")[1] < 1e-10
        stored = json.loads((tmp_path / f"out{number}" / "config.json").read_text(encoding="utf-8"))
        assert stored["model_type"] == "beit" and stored["use_mean_pooling"]


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


def test_a_pre_training_by_mae_keeps_its_decoder(tmp_path: Path) -> None:
    model = write_pretraining(tmp_path / "mae.pth").double()
    usage, difference = export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "out", with_head=True)
    assert difference < 1e-10 and "AutoModelForPreTraining" in usage
    theirs = transformers.AutoModelForPreTraining.from_pretrained(tmp_path / "out").eval().double()
    assert type(theirs).__name__ == "ViTMAEForPreTraining"
    assert (theirs.config.mask_ratio, theirs.config.norm_pix_loss) == (0.5, True)
    images, noise = torch.randn(2, 3, 32, 32).double(), torch.rand(2, 16)
    mask = PatchMask(noise.argsort(1), 8, (4, 4))
    with torch.no_grad():
        told = theirs(images, noise=noise)
        predicted = model.neck(model.backbone(images, mask)[-1], mask)
    torch.testing.assert_close(told.logits, predicted, rtol=0, atol=1e-9)
    assert torch.equal(told.mask.bool().view(2, 4, 4), mask.mask)
    target = model.target_generator(images)
    torch.testing.assert_close(
        told.loss.double(),
        ((predicted - target).square().mean(-1) * mask.mask.flatten(1)).sum() / 16,
        rtol=1e-5,
        atol=0,
    )
    # Without the decoder it is a ViT, whose features are those of the whole image.
    assert export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "vit")[1] < 1e-10
    assert type(transformers.AutoModel.from_pretrained(tmp_path / "vit")).__name__ == "ViTModel"


def test_images_are_prepared_as_the_config_says(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", ViT)
    checkpoint = torch.load(tmp_path / "run.pth")
    steps = [
        dict(type="Resize", size=40, interpolation="bicubic", antialias=True),
        dict(type="CenterCrop", size=[32, 48]),
    ]
    loader = dict(dataset=dict(type="ImageFolder", root="x", transforms=steps))
    checkpoint["meta"]["cfg"] = Config(dict(val_dataloader=loader)).pretty_text
    torch.save(checkpoint, tmp_path / "run.pth")
    export(read_encoder(tmp_path / "run.pth"), "transformers", tmp_path / "out")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8))
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "out")
    found = processor(picture, return_tensors="pt").pixel_values
    from mmmim.datasets.transforms import build_transform

    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    for step in steps:
        pixels = build_transform(step)(pixels)
    expected = (pixels.float() - 120) / 58
    assert found.shape == (1, 3, 32, 48)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=2 / 58)  # two values of a pixel


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


def test_decoders_that_are_no_vit_mae_are_refused(tmp_path: Path) -> None:
    write_pretraining(tmp_path / "mae.pth")
    checkpoint = torch.load(tmp_path / "mae.pth")
    checkpoint["state_dict"] |= {
        "neck.decoder_pred.weight": torch.zeros(7, 16),
        "neck.decoder_pred.bias": torch.zeros(7),
    }
    torch.save(checkpoint, tmp_path / "mae.pth")
    with pytest.raises(UsageError, match="predicts pixels, this decoder something else"):
        export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "out", with_head=True)
    checkpoint["state_dict"]["neck.decoder_norm.bias"] = torch.zeros(15)
    torch.save(checkpoint, tmp_path / "mae.pth")
    with pytest.raises(UsageError, match=r"not those of MAE's decoder: decoder_norm\.bias"):
        export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "out", with_head=True)
    checkpoint["meta"]["cfg"] = "model = dict(neck=dict(num_heads=5))"
    torch.save(checkpoint, tmp_path / "mae.pth")
    with pytest.raises(UsageError, match=r"neck\.num_heads=5 does not divide the decoder's width"):
        export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "out", with_head=True)


def test_tensors_that_a_release_does_not_know_stop_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmmim.interop.export.transformers import ADAPTERS

    right = ADAPTERS["resnet"]

    def renamed(encoder, head):
        model = right(encoder, head)
        return model._replace(state={name.replace("shortcut", "detour"): value for name, value in model.state.items()})

    monkeypatch.setitem(ADAPTERS, "resnet", renamed)
    write_checkpoint(tmp_path / "run.pth", ResNet)
    with pytest.raises(UsageError, match=r"has other tensors: .*detour.*nothing is written"):
        export(read_encoder(tmp_path / "run.pth"), "transformers", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.pth"]
