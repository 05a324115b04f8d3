from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.encoder import StoredEncoder, read_encoder
from mmmim.interop.export.transformers.vit import vit


def encoder_of(folder: Path, **options: object) -> StoredEncoder:
    write_checkpoint(folder / "a.pth", **options)
    return read_encoder(folder / "a.pth")


def test_an_encoder_alone_hands_its_class_token_on(tmp_path: Path) -> None:
    encoder = encoder_of(tmp_path)
    model = vit(encoder, None)
    assert (model.name, model.model_type, model.auto) == ("ViTModel", "vit", "AutoModel")
    assert model.config["image_size"] == [32, 48] and model.config["qkv_bias"] and model.config["encoder_stride"] == 8
    assert model.state["pooler.dense.weight"].equal(torch.eye(32)) and not model.state["pooler.dense.bias"].any()
    assert model.state["layernorm.weight"].equal(encoder.state["norm.weight"])


def test_an_encoder_without_final_norm_is_another_model(tmp_path: Path) -> None:
    assert vit(encoder_of(tmp_path, final_norm=False, img_size=32), None).model_type == "beit"


def test_an_encoder_without_class_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"its ViT always has a class token, this encoder has none"):
        vit(encoder_of(tmp_path, with_cls_token=False), None)
