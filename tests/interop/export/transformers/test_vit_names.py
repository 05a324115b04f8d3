from __future__ import annotations

from pathlib import Path

import torch
from small_encoders import write_checkpoint

from mmmim.interop.encoder import StoredEncoder, read_encoder
from mmmim.interop.export.transformers.vit_names import block_names, vit_config, vit_names


def encoder_of(folder: Path, **options: object) -> StoredEncoder:
    write_checkpoint(folder / "a.pth", **options)
    return read_encoder(folder / "a.pth")


def test_settings_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    config = vit_config(encoder_of(tmp_path))
    assert (config["hidden_size"], config["num_hidden_layers"], config["num_attention_heads"]) == (32, 2, 2)
    assert (config["intermediate_size"], config["image_size"], config["patch_size"]) == (96, [32, 48], 8)


def test_every_tensor_has_a_name_and_none_is_lost(tmp_path: Path) -> None:
    encoder = encoder_of(tmp_path)
    state = vit_names(encoder)
    assert sum(value.numel() for value in state.values()) == sum(value.numel() for value in encoder.state.values())
    assert {"embeddings.cls_token", "layernorm.weight", "encoder.layer.1.layernorm_after.bias"} <= state.keys()
    assert "encoder.layer.0.attention.attention.key.weight" in state


def test_an_encoder_without_positions_gets_zeros(tmp_path: Path) -> None:
    encoder = encoder_of(tmp_path)
    without = encoder._replace(state={name: value for name, value in encoder.state.items() if name != "pos_embed"})
    positions = vit_names(without)["embeddings.position_embeddings"]
    assert positions.shape == (1, 1 + 4 * 6, 32) and not positions.any()


def test_names_of_a_block() -> None:
    value = torch.zeros(6, 2)
    assert list(block_names("blocks.3.mlp.fc1.weight", value, "blocks", "encoder.layer")) == [
        "encoder.layer.3.intermediate.dense.weight"
    ]
    assert len(block_names("decoder_blocks.0.attn.qkv.bias", value, "decoder_blocks", "decoder.decoder_layers")) == 3
