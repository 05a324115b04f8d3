"""Files of MMPretrain's MAE become checkpoints of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mae_files import ARCH, block, converted, encoder_state, mae_decoder, mae_encoder, written
from official_names import drawn
from torch import Tensor

from mmmim.checkpoint.names import strip_prefix
from mmmim.errors import UsageError
from mmmim.models.backbones import ViT
from mmmim.models.necks import MAEDecoder


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
