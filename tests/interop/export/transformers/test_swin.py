from __future__ import annotations

from pathlib import Path

import pytest
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.encoder import StoredEncoder, read_encoder
from mmmim.interop.export.transformers.swin import swin, swinv2
from mmmim.models.backbones import Swin, SwinV2


def encoder_of(folder: Path, cls: type, **options: object) -> StoredEncoder:
    write_checkpoint(folder / "a.pth", cls, **options)
    return read_encoder(folder / "a.pth")


@pytest.mark.parametrize("cls", [Swin, SwinV2])
def test_settings_and_names(tmp_path: Path, cls: type) -> None:
    encoder = encoder_of(tmp_path, cls, img_size=(32, 32))
    model = (swin if cls is Swin else swinv2)(encoder, None)
    assert (model.config["image_size"], model.config["patch_size"], model.config["window_size"]) == (32, 2, 4)
    assert model.config["depths"] == [2, 2, 2] and model.config["encoder_stride"] == 8
    assert {
        "layernorm.weight",
        "embeddings.norm.bias",
        "encoder.layers.2.blocks.1.output.dense.weight",
    } <= model.state.keys()


def test_stages_with_smaller_windows_are_refused(tmp_path: Path) -> None:
    encoder = encoder_of(tmp_path, Swin, img_size=(16, 16), window_size=4)
    with pytest.raises(UsageError, match=r"windows of 4 in all stages, here the maps of \d are smaller"):
        swin(encoder, None)


def test_extra_norms_are_refused(tmp_path: Path) -> None:
    encoder = encoder_of(tmp_path, SwinV2, extra_norm_every_n_blocks=1)
    with pytest.raises(UsageError, match=r"its Swinv2 has no norm after every 1 blocks"):
        swinv2(encoder, None)
