from __future__ import annotations

from pathlib import Path

import pytest
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.encoder import StoredEncoder, read_encoder
from mmmim.interop.export.transformers.resnet import resnet
from mmmim.models.backbones import ResNet


def encoder_of(folder: Path, **options: object) -> StoredEncoder:
    write_checkpoint(folder / "a.pth", ResNet, **options)
    return read_encoder(folder / "a.pth")


@pytest.mark.parametrize(("block", "widths"), [("basic", [8, 16, 32, 64]), ("bottleneck", [32, 64, 128, 256])])
def test_every_tensor_has_a_name_of_its_own(tmp_path: Path, block: str, widths: list[int]) -> None:
    encoder = encoder_of(tmp_path, depth=dict(block=block, depths=(1, 2, 1, 1), channels=8))
    model = resnet(encoder, None)
    assert model.config["hidden_sizes"] == widths and model.config["depths"] == [1, 2, 1, 1]
    assert model.config["layer_type"] == block and len(model.state) == len(encoder.state)
    names = ("embedder.embedder.convolution.weight", "encoder.stages.1.layers.0.shortcut.normalization.running_var")
    assert set(names) <= model.state.keys()


def test_what_their_resnet_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"its ResNet begins with a 7x7 convolution, this one with 3x3"):
        resnet(encoder_of(tmp_path, stem="3x3"), None)
    with pytest.raises(UsageError, match=r"its ResNet cannot be dilated \(output_stride=8\)"):
        resnet(encoder_of(tmp_path, output_stride=8), None)
