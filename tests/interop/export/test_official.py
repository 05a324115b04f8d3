"""What leaves under the official names is what a file of the authors held, and runs in timm's models."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from mae_files import mae_decoder, mae_encoder
from official_names import (
    Shapes,
    beit_finetuned,
    beit_pretrained,
    drawn,
    linear,
    simmim_pretrained,
    swin,
    without_buffers,
)
from small_encoders import write_checkpoint
from timm.models import VisionTransformer, beit, swin_transformer, swin_transformer_v2, vision_transformer
from torch import nn

from mmmim.commands import convert as convert_command
from mmmim.errors import UsageError
from mmmim.interop.convert import Choices, convert_file
from mmmim.interop.export import export, official, read_encoder
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

CHOICES = Choices(num_heads=4, img_size=(32, 32), window_size=4)
MAE = mae_encoder(32, 2, 8, 16)
WITHOUT_NORM = {name: shape for name, shape in MAE.items() if not name.startswith("norm.")}
FC_NORM: Shapes = {"fc_norm.weight": (32,), "fc_norm.bias": (32,)}
PROBE: Shapes = {"head.0.running_mean": (32,), "head.0.running_var": (32,), "head.0.num_batches_tracked": ()}
SWIN = swin(16, (2, 2, 2), (1, 2, 4), 4, 2)
SWIN_V2 = swin(16, (2, 2, 2), (1, 2, 4), 4, 2, v2=True)

OFFICIAL: dict[str, tuple[str, Shapes]] = {
    "MAE": ("mae", MAE),
    "MAE with decoder": ("mae", MAE | mae_decoder(32, 16, 3, 8, 16)),
    "MAE fine-tuned": ("mae", WITHOUT_NORM | FC_NORM | linear("head", 32, 5)),
    "MAE's linear probe": ("mae", MAE | PROBE | linear("head.1", 32, 5)),
    "BEiT": ("beit", beit_pretrained() | linear("lm_head", 32, 64)),
    "BEiT fine-tuned": ("beit", beit_finetuned()),
    "BEiT fine-tuned by its class token": ("beit", beit_finetuned(last="norm")),
    "SimMIM's ViT": ("simmim", simmim_pretrained(beit_pretrained(), 32, 8)),
    "SimMIM's Swin": ("simmim", simmim_pretrained(SWIN, 64, 8)),
    "SimMIM's Swin fine-tuned": ("simmim", SWIN | linear("head", 64, 5)),
    "SimMIM's SwinV2": ("simmim", simmim_pretrained(SWIN_V2, 64, 8)),
    "SimMIM's SwinV2 fine-tuned": ("simmim", SWIN_V2 | linear("head", 64, 5)),
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_an_official_file_comes_back_bit_by_bit(tmp_path: Path, name: str) -> None:
    """Official -> ours -> official -> ours: nothing changes, and nothing but computed buffers is missing."""
    layout, shapes = OFFICIAL[name]
    state = drawn(shapes)
    if "head.0.running_var" in state:
        state["head.0.running_var"].abs_()
    torch.save(dict(model=state), tmp_path / "official.pth")
    convert_file(tmp_path / "official.pth", tmp_path / "ours.pth", choices=CHOICES)
    usage, difference = export(read_encoder(tmp_path / "ours.pth"), "official", tmp_path / "back.pth")
    back = torch.load(tmp_path / "back.pth", weights_only=True)["model"]
    kept = without_buffers(state)
    assert difference == 0 and f"names of {layout}'s code" in usage and "left out" not in usage
    assert back.keys() == kept.keys()
    assert all(torch.equal(back[tensor], value) for tensor, value in kept.items())
    _, again = convert_file(tmp_path / "back.pth", tmp_path / "again.pth", choices=CHOICES)
    ours = torch.load(tmp_path / "ours.pth")["state_dict"]
    assert again.layout == layout and again.state.keys() == ours.keys()
    assert all(torch.equal(again.state[tensor], value) for tensor, value in ours.items())


def timm_model(cls: type, file: Path) -> nn.Module:
    """timm's model of the tiny encoders of ``small_encoders``; its own filter reads the official file."""
    common = dict(img_size=(32, 48), patch_size=8, embed_dim=32, depth=2, num_heads=2, mlp_ratio=3, num_classes=0)
    stages = dict(img_size=32, patch_size=2, embed_dim=16, depths=(2, 2, 2), num_heads=(1, 2, 4), window_size=4)
    model, library = {
        ViT: lambda: (VisionTransformer(**common, norm_layer=partial(nn.LayerNorm, eps=1e-6)), vision_transformer),
        BEiTViT: lambda: (
            beit.Beit(**common, init_values=1.0, global_pool="", use_abs_pos_emb=False, use_shared_rel_pos_bias=True),
            beit,
        ),
        Swin: lambda: (swin_transformer.SwinTransformer(**stages, num_classes=0), swin_transformer),
        SwinV2: lambda: (swin_transformer_v2.SwinTransformerV2(**stages, num_classes=0), swin_transformer_v2),
    }[cls]()
    stored = torch.load(file, weights_only=True)["model"]
    stored = {name.removeprefix("encoder."): value for name, value in stored.items() if "mask_token" not in name}
    model.load_state_dict(library.checkpoint_filter_fn(stored, model))
    return model.double().eval()


@pytest.mark.parametrize(
    ("cls", "settings", "target"),
    [
        (ViT, {}, "mae"),
        (ViT, dict(pos_embed="learned", mask_mode="replace"), "mae"),
        (BEiTViT, {}, "beit"),
        (BEiTViT, {}, "simmim"),
        (BEiTViT, dict(rel_pos="none", layer_scale=None, qkv_bias="qkv", pos_embed="learned"), "mae"),
        (Swin, dict(img_size=32), "simmim"),
        (Swin, dict(img_size=32, mask_mode=None), "simmim"),
        (SwinV2, dict(img_size=32), "simmim"),
    ],
)
def test_timm_reads_the_official_file_and_gives_our_features(
    tmp_path: Path, cls: type, settings: dict, target: str
) -> None:
    model = write_checkpoint(tmp_path / "run.pth", cls, **settings)
    _, difference = export(read_encoder(tmp_path / "run.pth"), target, tmp_path / "out.pth")
    theirs = timm_model(ViT if target == "mae" else cls, tmp_path / "out.pth")
    images, model.out_type = torch.randn(2, 3, *model.img_size, dtype=torch.float64), "raw"
    with torch.no_grad():
        features, ours = theirs.forward_features(images), model.double().eval()(images)[-1]
    features = features.flatten(1, 2) if features.ndim == 4 else features
    torch.testing.assert_close(features, ours, rtol=0, atol=1e-10)
    assert difference == 0 and features.std() > 0.05


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (Swin, dict(dynamic_size=True)),
        (Swin, dict(img_size=(32, 64), window_size=2)),
        (SwinV2, dict(img_size=32, extra_norm_every_n_blocks=2)),
        (BEiTViT, dict(rel_pos="block", final_norm=False, in_channels=5)),
        (BEiTViT, dict(pos_embed="learned", layer_scale=None)),
        (ViT, dict(with_cls_token=False, patch_size=(8, 16))),
    ],
)
def test_the_printed_command_reads_the_file_back(tmp_path: Path, cls: type, settings: dict) -> None:
    model = write_checkpoint(tmp_path / "run.pth", cls, **settings)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), "official", tmp_path / "out.pth")
    assert difference == 0
    words = usage.splitlines()[1].split()
    words = [str(tmp_path / "again.pth") if word == "CKPT.pth" else word for word in words[2:]]
    convert_command.run(convert_command.parse_args(words))
    back = torch.load(tmp_path / "again.pth")["state_dict"]
    for name, value in model.state_dict().items():
        if name in read_encoder(tmp_path / "run.pth").state:
            assert torch.equal(back[f"backbone.{name}"], value), name


@pytest.mark.parametrize("mean", [123.675, 127.5])
def test_beit_s_file_says_how_images_were_normalised(tmp_path: Path, mean: float) -> None:
    layout = "conmim" if mean == 123.675 else "beit"
    torch.save(dict(model=drawn(beit_finetuned())), tmp_path / "official.pth")
    convert_file(tmp_path / "official.pth", tmp_path / "ours.pth", layout)
    export(read_encoder(tmp_path / "ours.pth"), "official", tmp_path / "back.pth")
    again = convert_file(tmp_path / "back.pth", tmp_path / "again.pth")[1]
    assert again.layout == "beit" and again.meta["mean"][0] == mean and again.note is None


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", mask_mode="replace")
    usage, _ = export(read_encoder(tmp_path / "run.pth"), "official", tmp_path / "out.pth")
    assert "place for it: backbone.mask_token, neck.decoder_pred.weight, projector.0.weight" in usage


@pytest.mark.parametrize(
    ("cls", "settings", "target", "reason"),
    [
        (ResNet, {}, "official", "has torchvision's names already; use --to torchvision"),
        (ViT, {}, "beit", "this ViT fits only the layout of mae"),
        (ViT, dict(pos_embed="none"), "official", "always adds positions, this encoder has none"),
        (BEiTViT, {}, "mae", "this BEiTViT fits only the layout of beit or simmim"),
        (BEiTViT, dict(qkv_bias="qkv"), "official", "has no bias of the keys"),
        (BEiTViT, dict(rel_pos="block", window_size=2), "official", "no official ViT has windows"),
        (Swin, dict(window_size=8), "official", r"--to simmim: its windows are square, those of this .*\(4, 8\)"),
        (Swin, {}, "mae", "this Swin fits only the layout of simmim"),
    ],
)
def test_what_has_no_official_layout_is_refused(
    tmp_path: Path, cls: type, settings: dict, target: str, reason: str
) -> None:
    write_checkpoint(tmp_path / "run.pth", cls, **settings)
    with pytest.raises(UsageError, match=reason):
        export(read_encoder(tmp_path / "run.pth"), target, tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


def test_a_file_that_is_not_read_back_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "run.pth")
    swapped = (*official.HEAD, (r"^backbone\.blocks\.0\.norm1\.", "blocks.0.norm2."))
    swapped = (*swapped, (r"^backbone\.blocks\.0\.norm2\.", "blocks.0.norm1."), (r"^backbone\.", ""))
    monkeypatch.setitem(official.NAMES, "mae", swapped)
    with pytest.raises(UsageError, match=r"reads other values: backbone\.blocks\.0\.norm1\.weight.*nothing is written"):
        export(read_encoder(tmp_path / "run.pth"), "mae", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


def test_timm_names_it_too() -> None:
    """The official BEiT-B is what timm publishes: its names are ours without buffers."""
    with torch.device("meta"):
        theirs = timm.create_model("beit_base_patch16_224", num_classes=1000)
    shapes = beit_finetuned(768, 12, 12, 14, 16, 1000)
    kept = {name: shape for name, shape in shapes.items() if not name.endswith("_index")}
    assert {name: tuple(value.shape) for name, value in theirs.state_dict().items()} == kept
