from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import mmmim
from mmmim.apis import TrainingResult
from mmmim.errors import UsageError
from mmmim.models.backbones import Encoder


def test_models_are_listed_by_name() -> None:
    names = mmmim.list_models()
    assert {"mae/vit-b_800e", "simmim/swin-b_100e", "cim/resnet-tiny_respix_toy"} <= set(names)
    assert names == sorted(names) and not any("downstream" in name or "tables" in name for name in names)
    assert mmmim.list_models("mae/*toy*") == ["mae/vit-tiny_toy"]
    assert mmmim.list_models("mae/nothing*") == []


TOYS = ["mae/vit-tiny_toy", "simmim/swin-tiny_toy", "beit/vit-tiny_toy", "cim/resnet-tiny_respix_toy"]


@pytest.mark.parametrize("name", TOYS)
def test_an_encoder_has_the_names_of_timm(name: str) -> None:
    encoder = mmmim.get_model(name)
    assert isinstance(encoder.backbone, Encoder) and not encoder.training
    picture = Image.new("L", (90, 70), 128)
    images = torch.stack([encoder.default_transform(picture)] * 2)
    assert images.shape == (2, 3, *encoder.img_size)
    features = encoder(images)
    tokens = encoder.forward_features(images)
    assert features.shape == (2, encoder.num_features) and tokens.shape[::2] == (2, encoder.num_features)
    torch.testing.assert_close(features, tokens[:, encoder.backbone.num_prefix :].mean(1))


def test_the_arguments_of_the_backbone_can_be_changed() -> None:
    encoder = mmmim.get_model("simmim/vit-tiny_toy", img_size=(32, 64), in_channels=5)
    assert encoder.img_size == (32, 64)
    assert encoder(torch.zeros(1, 5, 32, 64)).shape == (1, encoder.num_features)
    with_own = mmmim.get_model("mae/vit-tiny_toy", mean=[1, 2, 3], std=[4, 5, 6])
    white = torch.full((3, *with_own.img_size), 255, dtype=torch.uint8)
    assert with_own.default_transform(white)[:, 0, 0].tolist() == pytest.approx([254 / 4, 253 / 5, 252 / 6])


def test_what_cannot_be_loaded_is_one_line(trained: TrainingResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean configs/mae/vit-tiny_toy.py"):
        mmmim.get_model("mae/vit-tiny_toi")
    with pytest.raises(UsageError, match="does not belong to this config"):
        mmmim.get_model("simmim/vit-tiny_toy", trained.checkpoint)
    with pytest.raises(UsageError, match="no checkpoint at"):
        mmmim.load_encoder(tmp_path / "nothing.pth")
    with pytest.raises(UsageError, match="give one of them"):
        mmmim.get_model("mae/vit-tiny_toy", trained.checkpoint, pretrained=True)
    with pytest.raises(UsageError, match="pool='max' is unknown"):
        mmmim.get_model("mae/vit-tiny_toy", pool="max")
    torch.save(dict(state_dict={"backbone.norm.weight": torch.ones(3)}), tmp_path / "bare.pth")
    with pytest.raises(UsageError, match=r"meta\['mmmim'\] is missing"):
        mmmim.load_encoder(tmp_path / "bare.pth")


def test_names_of_the_api_are_found_without_loading_it() -> None:
    code = "import json, sys, mmmim; print(json.dumps([dir(mmmim), 'torch' in sys.modules, mmmim.__version__]))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    names, has_torch, version = json.loads(told)
    assert {"embed", "get_model", "list_models", "load_encoder", "reconstruct", "train"} <= set(names)
    assert not has_torch and version == mmmim.__version__
    with pytest.raises(AttributeError, match="no attribute 'get_modell'"):
        mmmim.get_modell  # noqa: B018
