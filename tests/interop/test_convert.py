"""Published files, written here with the names and shapes of the official codes, become checkpoints of ours."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from safetensors.torch import save_file
from timm.models import VisionTransformer
from torch import Tensor, nn

from mmmim.checkpoint.names import compare, strip_prefix
from mmmim.config.keys import find_config
from mmmim.engine.hooks import MetaHook
from mmmim.errors import UsageError
from mmmim.interop.convert import LAYOUTS, Choices, Conversion, Source, convert, convert_file, follow_up, read_source
from mmmim.interop.export import export, read_encoder
from mmmim.models.algorithms import MaskedImageModel
from mmmim.models.backbones import BEiTViT, Swin, ViT
from mmmim.models.backbones.swin_names import timm_to_official
from mmmim.models.classifiers import ImageClassifier
from mmmim.models.layers import sincos_pos_embed
from mmmim.models.necks import LinearDecoder, MAEDecoder

ROOT = Path(__file__).parents[2]
HEADS = Choices(num_heads=4)
ARCH = dict(embed_dims=32, depth=2, num_heads=4)


def block(prefix: str, dims: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{prefix}.norm1.weight": (dims,),
        f"{prefix}.norm1.bias": (dims,),
        f"{prefix}.attn.qkv.weight": (3 * dims, dims),
        f"{prefix}.attn.qkv.bias": (3 * dims,),
        f"{prefix}.attn.proj.weight": (dims, dims),
        f"{prefix}.attn.proj.bias": (dims,),
        f"{prefix}.norm2.weight": (dims,),
        f"{prefix}.norm2.bias": (dims,),
        f"{prefix}.mlp.fc1.weight": (4 * dims, dims),
        f"{prefix}.mlp.fc1.bias": (4 * dims,),
        f"{prefix}.mlp.fc2.weight": (dims, 4 * dims),
        f"{prefix}.mlp.fc2.bias": (dims,),
    }


def mae_encoder(dims: int, depth: int, patch: int, patches: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of mae_pretrain_vit_*.pth."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, dims),
        "pos_embed": (1, patches + 1, dims),
        "patch_embed.proj.weight": (dims, 3, patch, patch),
        "patch_embed.proj.bias": (dims,),
    }
    for index in range(depth):
        shapes |= block(f"blocks.{index}", dims)
    return shapes | {"norm.weight": (dims,), "norm.bias": (dims,)}


def mae_decoder(dims: int, width: int, depth: int, patch: int, patches: int) -> dict[str, tuple[int, ...]]:
    """What mae_visualize_vit_*.pth have besides."""
    shapes: dict[str, tuple[int, ...]] = {
        "mask_token": (1, 1, width),
        "decoder_pos_embed": (1, patches + 1, width),
        "decoder_embed.weight": (width, dims),
        "decoder_embed.bias": (width,),
    }
    for index in range(depth):
        shapes |= block(f"decoder_blocks.{index}", width)
    shapes |= {"decoder_norm.weight": (width,), "decoder_norm.bias": (width,)}
    return shapes | {"decoder_pred.weight": (3 * patch**2, width), "decoder_pred.bias": (3 * patch**2,)}


def drawn(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def pretrained(with_decoder: bool = False) -> dict[str, Tensor]:
    """32 x 32 pixels in patches of 8, width 32, 2 blocks; decoder 16 wide, 3 blocks."""
    shapes = mae_encoder(32, 2, 8, 16) | (mae_decoder(32, 16, 3, 8, 16) if with_decoder else {})
    state = drawn(shapes)
    state["pos_embed"] = sincos_pos_embed((4, 4), 32)
    return state


def written(path: Path, state: dict[str, Tensor], **others: Any) -> Path:
    torch.save(dict(model=state, **others), path)
    return path


def converted(path: Path, choices: Choices = HEADS, layout: str | None = None) -> tuple[Path, Conversion]:
    out = path.with_name("converted.pth")
    return out, convert_file(path, out, layout, choices)[1]


def encoder_state(checkpoint: Path) -> dict[str, Tensor]:
    return strip_prefix(torch.load(checkpoint, weights_only=True)["state_dict"], "backbone.")


# ---------------------------------------------------------------- MAE


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
    MetaHook().before_save_checkpoint(SimpleNamespace(model=model), checkpoint)
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


# ---------------------------------------------------------------- MMPretrain


def mmpretrain_block(prefix: str, dims: int) -> dict[str, tuple[int, ...]]:
    names = [("ln1", "norm1"), ("ln2", "norm2"), ("ffn.layers.0.0", "mlp.fc1"), ("ffn.layers.1", "mlp.fc2")]
    shapes = block(prefix, dims)
    for theirs, ours in names:
        shapes = {name.replace(f".{ours}.", f".{theirs}."): shape for name, shape in shapes.items()}
    return shapes


def mmpretrain_mae() -> dict[str, Tensor]:
    ours = mae_encoder(32, 2, 8, 16) | mae_decoder(32, 16, 3, 8, 16)
    shapes = {"data_preprocessor.mean": (3, 1, 1), "data_preprocessor.std": (3, 1, 1)}
    shapes |= {f"backbone.{name}": ours[name] for name in ("cls_token", "pos_embed")}
    shapes |= {
        f"backbone.patch_embed.projection.{kind}": ours[f"patch_embed.proj.{kind}"] for kind in ("weight", "bias")
    }
    shapes |= {"backbone.ln1.weight": (32,), "backbone.ln1.bias": (32,)}
    for index in range(2):
        shapes |= mmpretrain_block(f"backbone.layers.{index}", 32)
    for index in range(3):
        shapes |= mmpretrain_block(f"neck.decoder_blocks.{index}", 16)
    shapes |= {f"neck.ln1.{kind}": (16,) for kind in ("weight", "bias")}  # its decoder_norm
    kept = ("mask_token", "decoder_pos_embed", "decoder_embed.", "decoder_pred.")
    return drawn(shapes | {f"neck.{name}": shape for name, shape in ours.items() if name.startswith(kept)})


def test_mae_of_mmpretrain(tmp_path: Path) -> None:
    state = mmpretrain_mae()
    torch.save(dict(state_dict=state, meta=dict(epoch=300)), tmp_path / "mmpretrain.pth")
    out, conversion = converted(tmp_path / "mmpretrain.pth")
    assert conversion.layout == "mmpretrain" and conversion.meta["epoch"] == 300
    assert list(conversion.left_out) == ["data_preprocessor.mean", "data_preprocessor.std"]
    stored = torch.load(out)["state_dict"]
    ViT(ARCH, 32, 8).load_state_dict(encoder_state(out))
    MAEDecoder(32, 192, (4, 4), dims=16, depth=3, num_heads=4).load_state_dict(strip_prefix(stored, "neck."))
    for ours, theirs in {
        "backbone.blocks.1.norm2.weight": "backbone.layers.1.ln2.weight",
        "backbone.blocks.0.mlp.fc2.bias": "backbone.layers.0.ffn.layers.1.bias",
        "backbone.norm.bias": "backbone.ln1.bias",
        "backbone.pos_embed": "backbone.pos_embed",
        "neck.decoder_blocks.2.mlp.fc1.weight": "neck.decoder_blocks.2.ffn.layers.0.0.weight",
        "neck.decoder_blocks.0.norm1.bias": "neck.decoder_blocks.0.ln1.bias",
        "neck.decoder_norm.weight": "neck.ln1.weight",
    }.items():
        assert torch.equal(stored[ours], state[theirs]), ours


def test_what_the_encoder_has_and_ours_has_not_is_an_error(tmp_path: Path) -> None:
    state = mmpretrain_mae()
    state["backbone.layers.0.attn.gamma1.weight"] = torch.zeros(32)
    written(tmp_path / "scaled.pth", state)
    with pytest.raises(UsageError, match=r"1 without a place in a ViT: backbone\.layers\.0\.attn\.gamma1\.weight"):
        converted(tmp_path / "scaled.pth")


# ---------------------------------------------------------------- SimMIM


def simmim_file(path: Path, encoder: Swin | BEiTViT, buffers: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the official code saves it: ``encoder.``, ``decoder.0`` a convolution, and yacs options."""
    side = 8 << (2 if isinstance(encoder, Swin) else 0)
    shapes = {f"encoder.{timm_to_official(name)}": tuple(value.shape) for name, value in encoder.state_dict().items()}
    shapes |= {"decoder.0.weight": (3 * side**2, encoder.embed_dims, 1, 1), "decoder.0.bias": (3 * side**2,)}
    state = drawn(shapes)
    torch.save(dict(model=state | buffers, epoch=99), path)
    return state


def predictions_agree(conversion: Conversion, official: dict[str, Tensor], encoder: Any, side: int) -> None:
    encoder.load_state_dict(strip_prefix(conversion.state, "backbone."))
    neck = LinearDecoder(encoder.embed_dims, 3 * side**2, num_prefix=encoder.num_prefix)
    neck.load_state_dict(strip_prefix(conversion.state, "neck."))
    encoder.eval()
    with torch.no_grad():
        latent = encoder(torch.randn(2, 3, *encoder.img_size))[-1]
        h = w = encoder.img_size[0] // side
        maps = latent[:, encoder.num_prefix :].transpose(1, 2).unflatten(2, (h, w))
        images = F.pixel_shuffle(F.conv2d(maps, official["decoder.0.weight"], official["decoder.0.bias"]), side)
        patches = images.unflatten(3, (w, side)).unflatten(2, (h, side))  # (B,C,h,i,w,j)
        theirs = patches.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)  # (B,N,(i,j,C))
        torch.testing.assert_close(neck(latent), theirs, rtol=0, atol=1e-4)


def test_simmim_swin(tmp_path: Path) -> None:
    settings = dict(embed_dims=16, depths=(2, 2, 2), num_heads=(1, 2, 4))
    swin = Swin(settings, img_size=64, window_size=2, patch_size=8)
    buffers = {"encoder.layers.0.blocks.1.attn_mask": torch.zeros(16, 4, 4)}
    buffers["encoder.layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(4, 4, dtype=torch.long)
    state = simmim_file(tmp_path / "simmim.pth", swin, buffers)
    assert any("layers.0.downsample.reduction" in name for name in state)
    out, conversion = converted(tmp_path / "simmim.pth", Choices())
    meta = conversion.meta
    assert (meta["backbone"], meta["window_size"], meta["img_size"]) == ("Swin", [2, 2], [64, 64])
    assert meta["arch"] == settings and sorted(conversion.left_out) == sorted(buffers)
    predictions_agree(conversion, state, swin, 32)
    assert read_encoder(out).kind == "Swin"


def test_simmim_vit(tmp_path: Path) -> None:
    vit = BEiTViT(ARCH, img_size=32, patch_size=8)
    state = simmim_file(tmp_path / "simmim.pth", vit, {})
    assert {"encoder.blocks.0.attn.q_bias", "encoder.rel_pos_bias.relative_position_bias_table"} <= set(state)
    out, conversion = converted(tmp_path / "simmim.pth", Choices())
    assert conversion.meta["num_heads"] == 4 and conversion.meta["img_size"] == [32, 32]
    predictions_agree(conversion, state, vit, 8)
    assert export(read_encoder(out), "timm", tmp_path / "timm.pth")[1] <= 1e-10


def test_options_of_yacs_are_read_without_yacs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class CfgNode(dict):
        """As in yacs.config, which SimMIM's files name."""

        __module__, __qualname__ = "yacs.config", "CfgNode"

    with monkeypatch.context() as patch:
        for name in ("yacs", "yacs.config"):
            patch.setitem(sys.modules, name, ModuleType(name))
        patch.setattr(sys.modules["yacs.config"], "CfgNode", CfgNode, raising=False)
        options = CfgNode(MODEL=CfgNode(TYPE="swin"))
        options.__dict__.update(__immutable__=True, __deprecated_keys__=set())
        written(tmp_path / "simmim.pth", pretrained(), config=options)
    assert read_source(tmp_path / "simmim.pth").not_read == ["config"]


# ---------------------------------------------------------------- reading


class Evil:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_code_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    content = dict(model=pretrained(), args=Evil(tmp_path / "victim"))
    torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UsageError, match=r"refused: to read it, \w+\.mkdir would have to be called.*nothing was run"):
        converted(tmp_path / "evil.pth")
    assert not (tmp_path / "victim").exists() and not (tmp_path / "converted.pth").exists()


def test_safetensors_and_data_parallel_names(tmp_path: Path) -> None:
    state = pretrained()
    save_file(state, tmp_path / "mae.safetensors")
    assert set(converted(tmp_path / "mae.safetensors")[1].state) == {f"backbone.{name}" for name in state}
    written(tmp_path / "parallel.pth", {f"module.{name}": value for name, value in state.items()})
    assert set(converted(tmp_path / "parallel.pth")[1].state) == {f"backbone.{name}" for name in state}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("length", [0, 60, 0.5, 0.99])
def test_truncated_files_are_named_with_their_size(tmp_path: Path, suffix: str, length: float) -> None:
    file = tmp_path / f"mae{suffix}"
    save_file(pretrained(), file) if suffix == ".safetensors" else written(file, pretrained())
    content = file.read_bytes()
    size = int(length * len(content)) if isinstance(length, float) else length
    file.write_bytes(content[:size])
    with pytest.raises(UsageError, match=rf"mae{suffix}: {size:,} bytes, incomplete, damaged or no "):
        converted(file)


def test_files_that_hold_no_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.pth: does not exist"):
        read_source(tmp_path / "nowhere.pth")
    with pytest.raises(UsageError, match="is a folder"):
        read_source(tmp_path)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UsageError, match="holds a list, not the named tensors"):
        read_source(tmp_path / "list.pth")
    torch.save(dict(model={}, epoch=3), tmp_path / "empty.pth")
    with pytest.raises(UsageError, match=r"holds no tensors of a model.*it holds model, epoch"):
        read_source(tmp_path / "empty.pth")
    (tmp_path / "text.pth").write_text("hello", encoding="utf-8")
    with pytest.raises(UsageError, match="5 bytes, incomplete, damaged or no PyTorch checkpoint"):
        read_source(tmp_path / "text.pth")


def test_unknown_layouts_are_listed(tmp_path: Path) -> None:
    file = written(tmp_path / "resnet.pth", {f"layer{i}.conv.weight": torch.zeros(1) for i in range(9)})
    with pytest.raises(UsageError) as error:
        converted(file)
    lines = str(error.value).splitlines()
    assert "no layout fits" in lines[0] and lines[1].endswith("layer7.conv.weight and 1 more")
    assert [line.split(":")[0].strip() for line in lines[3:]] == list(LAYOUTS)
    with pytest.raises(UsageError, match="--from maee: unknown; did you mean 'mae'"):
        converted(file, layout="maee")
    with pytest.raises(UsageError, match=r"as layout 'mae': tensor backbone\.patch_embed\.proj\.weight is missing"):
        converted(file, layout="mae")
    first, _ = converted(written(tmp_path / "mae.pth", pretrained()))
    with pytest.raises(UsageError, match="if mmmim wrote it, it needs no conversion"):
        convert_file(first, tmp_path / "twice.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(pos_embed=None), r"tensor backbone\.pos_embed is missing"),
        ({"blocks.1.attn.qkv.bias": None}, r"1 missing .*: backbone\.blocks\.1\.attn\.qkv\.bias"),
        ({"norm.bias": None}, r"1 missing .*: backbone\.norm\.bias"),
        ({"cls_token": None}, "cls_token is missing, for which pos_embed has one of its 17 rows"),
        (
            {"blocks.3.norm1.weight": torch.zeros(32)},
            r"backbone\.blocks\.2 missing, though there is backbone\.blocks\.3",
        ),
        ({"blocks.0.ls1.gamma": torch.zeros(32)}, r"1 without a place in a ViT: blocks\.0\.ls1\.gamma"),
        ({"blocks.1.mlp.fc1.bias": torch.zeros(96)}, r"blocks\.1\.mlp\.fc1\.bias is \(96,\), must be \(128,\)"),
        (dict(pos_embed=torch.zeros(1, 17, 48)), r"pos_embed is \(1, 17, 48\), must be \(1, 17, 32\)"),
        ({"norm.bias": torch.full((32,), torch.nan)}, r"1 not finite: norm\.bias"),
        ({"decoder_norm.bias": None}, r"its neck does not fit MAEDecoder\(.*1 missing .*neck\.decoder_norm\.bias"),
        ({"decoder_embed.weight": None}, r"tensor neck\.decoder_embed\.weight is missing"),
        ({"patch_embed.proj.weight": torch.zeros(32, 192)}, r"has the shape \(32, 192\), not 4 dimensions"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, Tensor | None], message: str) -> None:
    state = {n: v for n, v in (pretrained(with_decoder=True) | change).items() if v is not None}
    with pytest.raises(UsageError, match=f"(?s)as layout 'mae': .*{message}"):
        converted(written(tmp_path / "mae.pth", state))
    assert not (tmp_path / "converted.pth").exists()


def test_heads_come_from_the_width_or_the_user(tmp_path: Path) -> None:
    file = written(tmp_path / "mae.pth", pretrained())
    with pytest.raises(UsageError, match=r"32 is no published width \(.*12 for 768, 16 for 1024, 16 for 1280\)"):
        converted(file, Choices())
    with pytest.raises(UsageError, match="embed_dims=32 is not divisible by num_heads=5"):
        converted(file, Choices(num_heads=5))


def test_a_lonely_mask_token_and_strangers_are_left_out_with_a_reason(tmp_path: Path) -> None:
    state = pretrained() | {"mask_token": torch.zeros(1, 1, 16), "projector.weight": torch.zeros(2)}
    _, conversion = converted(written(tmp_path / "mae.pth", state))
    assert conversion.left_out_by_reason() == {
        "belongs to a decoder that is not in the file": ["mask_token"],
        "the model has no place for it": ["projector.weight"],
    }


def test_the_input_is_not_overwritten(tmp_path: Path) -> None:
    file = written(tmp_path / "mae.pth", pretrained())
    with pytest.raises(UsageError, match="is the file to convert"):
        convert_file(file, file, choices=HEADS)
    with pytest.raises(UsageError, match="is a folder; give the name of a file"):
        convert_file(file, tmp_path, choices=HEADS)


# ---------------------------------------------------------------- what is printed next


def described(
    encoder: Any, neck: Any = None, head: dict[str, Tensor] | None = None, layout: str = "mae", **more: Any
) -> Conversion:
    state = {f"backbone.{name}": value for name, value in encoder.state_dict().items()}
    meta = dict(encoder.describe(), stage="ft" if head else "ssl", **more)
    return Conversion(
        layout, state | (head or {}), meta, dict(backbone=encoder) | (dict(neck=neck) if neck else {}), {}
    )


def config_of(command: str) -> Config:
    words = command.split()
    cfg = Config.fromfile(find_config(str(ROOT / next(word for word in words if word.startswith("configs/")))))
    if "--cfg-options" in words:
        from mmengine.config import DictAction

        parser = argparse.ArgumentParser()
        parser.add_argument("--cfg-options", nargs="+", action=DictAction)
        cfg.merge_from_dict(parser.parse_args(words[words.index("--cfg-options") :]).cfg_options)
    return cfg


@pytest.mark.parametrize(
    ("encoder", "settings", "layout"),
    [
        (ViT, dict(arch="base"), "mae"),
        (ViT, dict(arch="large"), "mae"),
        (ViT, dict(arch="huge", patch_size=14), "mae"),
        (ViT, dict(arch="huge", patch_size=14, img_size=448), "mae"),
        (Swin, dict(arch="base", img_size=192, window_size=6), "simmim"),
        (Swin, dict(arch="large", img_size=192, window_size=12), "simmim"),
        (BEiTViT, dict(arch="base"), "simmim"),
        (BEiTViT, dict(arch="base"), "beit"),
        (BEiTViT, dict(arch="small"), "conmim"),
        (BEiTViT, dict(arch="base"), "conmim"),
        (BEiTViT, dict(arch="large"), "conmim"),
    ],
)
def test_the_commands_build_models_that_the_checkpoint_fits(encoder: type, settings: dict, layout: str) -> None:
    from mmmim.registry import MODELS

    with torch.device("meta"):
        model: Any = encoder(**settings)
        neck = MAEDecoder(model.embed_dims, 588, model.grid_size, dims=256, depth=4) if encoder is ViT else None
        conversion = described(model, neck, layout=layout)
        commands = [command for command in follow_up(conversion, "CKPT.pth") if "configs/" in command]
        assert len(commands) == (4 if encoder is ViT else 2)
        for command in commands:
            cfg = config_of(command)
            backbone = MODELS.build({**cfg.model.backbone, "type": encoder.__name__, "init_cfg": None})
            report = {name: value.shape for name, value in backbone.state_dict().items()}
            stored = {name.removeprefix("backbone."): v.shape for name, v in conversion.state.items()}
            same = {name for name, shape in report.items() if stored.get(name) == shape}
            resized = {name for name in report if name.endswith("relative_position_bias_table")}
            assert same | resized == set(report), command
            assert "head" not in cfg.model or cfg.model.head.get("in_channels", 768) in (768, model.embed_dims)
            if "downstream" in command:
                assert cfg.model.head.in_channels == model.embed_dims
            if "linear" in command:
                assert cfg.model.backbone.frozen_stages == model.depth
            if "visualize" in command:
                assert (cfg.model.neck.dims, cfg.model.neck.depth) == (256, 4)


def test_a_classifier_is_tested_and_an_unknown_size_is_spelled_out() -> None:
    head = {"head.norm.0.weight": torch.zeros(768), "head.fc.weight": torch.zeros(21, 768)}
    with torch.device("meta"):
        lines = follow_up(described(ViT("base", final_norm=False), head=head), "ft.pth")
        probe = follow_up(described(ViT("base"), head=head | {"head.norm.0.running_mean": torch.zeros(768)}), "p.pth")
        tiny = follow_up(described(ViT(ARCH, img_size=32, patch_size=8)), "tiny.pth")
    assert lines[0].startswith("python tools/test.py configs/mae/downstream/ft_vit-b_100e_in1k.py ft.pth --cfg-options")
    assert config_of(lines[0]).model.head.num_classes == 21 and "linear_vit-b" in probe[0]
    names: dict[str, Any] = {}
    exec(tiny[1], names)
    assert names["backbone"]["arch"]["embed_dims"] == 32 and names["backbone"]["init_cfg"]["checkpoint"] == "tiny.pth"
