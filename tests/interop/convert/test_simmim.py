"""SimMIM's pre-training files, of Swin and of the ViT, become checkpoints of ours."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mae_files import ARCH, converted, pretrained, written
from official_names import drawn
from torch import Tensor

from mmmim.checkpoint.names import strip_prefix
from mmmim.interop.convert import Choices, Conversion, read_source
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, Swin
from mmmim.models.backbones.swin_names import timm_to_official
from mmmim.models.necks import LinearDecoder


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
