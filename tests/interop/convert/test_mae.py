"""MAE's published files, written here with the official names and shapes, become checkpoints of ours."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mae_files import ARCH, HEADS, converted, encoder_state, mae_decoder, mae_encoder, pretrained, written
from official_names import drawn
from timm.models import VisionTransformer
from torch import nn

from mmmim.checkpoint.names import compare
from mmmim.engine.hooks import MetaHook
from mmmim.errors import UsageError
from mmmim.interop.convert import Choices, Source, convert, convert_file, read_source
from mmmim.interop.export import export, read_encoder
from mmmim.models.algorithms import MaskedImageModel
from mmmim.models.backbones import ViT
from mmmim.models.classifiers import ImageClassifier
from mmmim.models.layers import sincos_pos_embed
from mmmim.models.necks import MAEDecoder


def test_an_encoder_file_loads_strictly_and_gives_timm_s_features(tmp_path: Path) -> None:
    state = pretrained()
    out, _ = converted(written(tmp_path / "mae_pretrain_vit_tiny.pth", state))
    ours = ViT(arch=ARCH, img_size=32, patch_size=8)
    report = compare(encoder_state(out), ours)
    assert report.ratio == f"{len(state)}/{len(state)}" == "30/30"
    assert not report.missing and not report.unexpected and not report.other_shape
    ours.load_state_dict(encoder_state(out))
    theirs = VisionTransformer(
        img_size=32,
        patch_size=8,
        embed_dim=32,
        depth=2,
        num_heads=4,
        num_classes=0,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
    theirs.load_state_dict(state)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        features = theirs.double().eval().forward_features(images)
        difference = (ours.double().eval()(images)[-1] - features).abs().max()
    assert features.std() > 0.1 and difference <= 1e-10


def test_a_file_with_decoder_loads_strictly_into_the_whole_model(tmp_path: Path) -> None:
    state = pretrained(with_decoder=True)
    args = argparse.Namespace(model="mae_vit_tiny", blr=1.5e-4)
    file = written(tmp_path / "mae_visualize_vit_tiny.pth", state, optimizer={}, epoch=799, scaler={}, args=args)
    out, conversion = converted(file)
    stored = torch.load(out, weights_only=True)
    model = MaskedImageModel(
        backbone=dict(type="mmmim.ViT", arch=ARCH, img_size=32, patch_size=8),
        masker=dict(type="mmmim.RandomMasker", mask_ratio=0.75),
        neck=dict(type="mmmim.MAEDecoder", dims=16, depth=3, num_heads=4),
        target_generator=dict(type="mmmim.PixelTarget"),
    )
    model.load_state_dict(stored["state_dict"])
    assert len(stored["state_dict"]) == len(state) == 30 + 44 and not conversion.left_out
    assert conversion.contents() == "backbone 30, neck 44"
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name.partition(".")[2]]), name
    assert read_source(file).not_read == ["optimizer", "epoch", "scaler", "args"]


@pytest.mark.parametrize(
    ("arch", "dims", "depth", "patch", "tensors"),
    [("base", 768, 12, 16, 150), ("large", 1024, 24, 16, 294), ("huge", 1280, 32, 14, 390)],
)
def test_the_published_sizes_by_names_and_shapes(arch: str, dims: int, depth: int, patch: int, tensors: int) -> None:
    """Each tensor of the file is one of the config's model, of the same shape, and there are no others."""
    patches = (224 // patch) ** 2
    shapes = mae_encoder(dims, depth, patch, patches) | mae_decoder(dims, 512, 8, patch, patches)
    with torch.device("meta"):
        backbone = ViT(arch=arch, img_size=224, patch_size=patch)
        decoder = MAEDecoder(dims, 3 * patch**2, backbone.grid_size)
    ours = {name: tuple(value.shape) for part in (backbone, decoder) for name, value in part.state_dict().items()}
    assert shapes == ours and len(shapes) == tensors + 4 + 8 * 12 + 4


def test_a_whole_vit_b_converts() -> None:
    """150 + 104 tensors; one number each stands for the values."""
    shapes = mae_encoder(768, 12, 16, 196) | mae_decoder(768, 512, 8, 16, 196)
    state = {name: torch.ones((), dtype=torch.bfloat16).expand(shape) for name, shape in shapes.items()}
    conversion = convert(Source("mae_visualize_vit_base.pth", state, None, []))
    assert conversion.contents() == "backbone 150, neck 104" and conversion.meta["arch"] == "base"
    assert (conversion.meta["num_heads"], conversion.meta["patch_size"]) == (12, [16, 16])


def test_the_meta_data_are_those_of_our_checkpoints(tmp_path: Path) -> None:
    out, _ = converted(written(tmp_path / "mae.pth", pretrained(with_decoder=True), epoch=799))
    preprocessor = dict(type="mmmim.ImagePreprocessor", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
    model = MaskedImageModel(
        data_preprocessor=preprocessor,
        backbone=dict(type="mmmim.ViT", arch=ARCH, img_size=32, patch_size=8),
        masker=dict(type="mmmim.RandomMasker"),
        neck=dict(type="mmmim.MAEDecoder", dims=16, depth=3, num_heads=4),
        target_generator=dict(type="mmmim.PixelTarget"),
    )
    checkpoint: dict = dict(meta=dict(epoch=800, iter=None))
    MetaHook().before_save_checkpoint(SimpleNamespace(model=model, train_dataloader=None), checkpoint)
    facts = torch.load(out, weights_only=True)["meta"]["mmmim"]
    assert facts == checkpoint["meta"]["mmmim"] | dict(converted_from="mae")
    assert (facts["pos_embed"], facts["stage"], facts["epoch"]) == ("sincos", "ssl", 800)


def test_the_table_of_the_file_stays_and_is_described(tmp_path: Path) -> None:
    """MMPretrain's fixed table, and Beyond Masking's, have rows and columns exchanged."""
    state = pretrained()
    transposed = state["pos_embed"].clone()
    transposed[:, 1:] = transposed[:, 1:].view(1, 4, 4, 32).transpose(1, 2).flatten(1, 2)
    out, _ = converted(written(tmp_path / "mae.pth", state | dict(pos_embed=transposed)))
    assert torch.equal(encoder_state(out)["pos_embed"], transposed)
    assert torch.load(out)["meta"]["mmmim"]["pos_embed"] == "learned"
    out, conversion = converted(written(tmp_path / "half.pth", {name: value.half() for name, value in state.items()}))
    assert conversion.meta["pos_embed"] == "sincos" and encoder_state(out)["norm.weight"].dtype == torch.float16


def test_other_images_and_no_class_token(tmp_path: Path) -> None:
    state = pretrained()
    del state["cls_token"]
    state["pos_embed"] = sincos_pos_embed((2, 6), 32, num_prefix=0)
    state["patch_embed.proj.weight"] = torch.zeros(32, 5, 8, 4)
    file = written(tmp_path / "mae.pth", state)
    with pytest.raises(UsageError, match="pos_embed has 12 patches, which is no square grid: give --img-size H W"):
        converted(file)
    out, conversion = converted(file, Choices(num_heads=2, img_size=(16, 24)))
    assert conversion.meta["img_size"] == [16, 24] and conversion.meta["patch_size"] == [8, 4]
    assert not conversion.meta["with_cls_token"] and "mean" not in conversion.meta
    arch = dict(ARCH, num_heads=2)
    ViT(arch, (16, 24), (8, 4), in_channels=5, with_cls_token=False).load_state_dict(encoder_state(out))
    with pytest.raises(UsageError, match="--img-size 24 24: gives 3x6 patches of 8x4 pixels, pos_embed has 12"):
        converted(file, Choices(num_heads=2, img_size=(24, 24)))


def test_a_fine_tuned_file_classifies_as_timm_does(tmp_path: Path) -> None:
    theirs = VisionTransformer(
        img_size=32,
        patch_size=8,
        embed_dim=32,
        depth=2,
        num_heads=4,
        num_classes=5,
        global_pool="avg",
        fc_norm=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
    state = drawn({name: tuple(value.shape) for name, value in theirs.state_dict().items()})
    theirs.load_state_dict(state)
    assert {"fc_norm.weight", "head.weight"} <= set(state) and "norm.weight" not in state
    out, conversion = converted(written(tmp_path / "mae_finetuned_vit_tiny.pth", state))
    model = ImageClassifier(
        backbone=dict(
            type="mmmim.ViT", arch=ARCH, img_size=32, patch_size=8, out_type="avg", final_norm=False, freeze_pos=False
        ),
        head=dict(type="mmmim.LinearClsHead", num_classes=5, in_channels=32, norm="ln"),
    )
    model.load_state_dict(torch.load(out)["state_dict"])
    images = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(model.double().eval()(images), theirs.double().eval()(images), rtol=0, atol=1e-10)
    assert (conversion.meta["stage"], conversion.meta["method"]) == ("ft", "ImageClassifier")


def test_a_linear_probe_file_becomes_a_classifier(tmp_path: Path) -> None:
    """The official probe is a class token, its norm, and a Sequential of batch norm and linear layer."""
    state = pretrained() | drawn({"head.1.weight": (5, 32), "head.1.bias": (5,), "head.0.running_mean": (32,)})
    state |= {"head.0.running_var": torch.rand(32) + 0.5, "head.0.num_batches_tracked": torch.tensor(7)}
    out, _ = converted(written(tmp_path / "mae_linprobe.pth", state))
    model = ImageClassifier(
        backbone=dict(type="mmmim.ViT", arch=ARCH, img_size=32, patch_size=8, out_type="cls"),
        head=dict(type="mmmim.LinearClsHead", num_classes=5, in_channels=32, norm="bn"),
    )
    model.load_state_dict(torch.load(out)["state_dict"])
    assert torch.equal(model.head.norm[0].running_var, state["head.0.running_var"])


@pytest.mark.parametrize("target", ["timm", "safetensors", "mmpretrain"])
def test_export_gives_the_tensors_back(tmp_path: Path, target: str) -> None:
    """And converting that again gives the first checkpoint."""
    state = pretrained()
    first, _ = converted(written(tmp_path / "mae.pth", state))
    exported = tmp_path / ("exported.safetensors" if target == "safetensors" else "exported.pth")
    assert export(read_encoder(first), target, exported)[1] <= 1e-10
    if target == "timm":
        plain = torch.load(exported)
        assert list(plain) == list(state) and all(torch.equal(plain[name], state[name]) for name in state)
    again = tmp_path / "again.pth"
    _, conversion = convert_file(exported, again, choices=HEADS)
    assert conversion.layout == ("mmpretrain" if target == "mmpretrain" else "mae")
    back = encoder_state(again)
    assert set(back) == set(state) and all(torch.equal(back[name], state[name]) for name in state)
