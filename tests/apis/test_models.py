from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tiny_mae import TINY

import mmmim
from mmmim import apis
from mmmim.apis import TrainingResult
from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.models.backbones import Encoder

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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mae/vit-tiny_toi", "there is no model 'mae/vit-tiny_toi'; did you mean 'mae/vit-tiny_toy'"),
        ("vitb", r"there is no model 'vitb'; did you mean 'beit/vit-b_300e' or .*mmmim\.list_models\(\) returns all"),
        ("resnet50", "did you mean 'cim/resnet50_respix_300e'"),
        ("configs/mae/vit-tiny_toi.py", r"did you mean configs/mae/vit-tiny_toy\.py"),
        ("tokenizer/dvae_toy", r"dvae_toy\.py has no model\.backbone"),
    ],
)
def test_an_unknown_model_is_answered_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as told:
        mmmim.get_model(name)
    assert "\n" not in str(told.value) and "tables" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(img_sz=32), "img_sz=32: ViT has no such argument; did you mean 'img_size'"),
        (dict(mean=[1, 2]), r"mean=\[1, 2\]: give 3 numbers, one for each channel"),
        (dict(std=1.0), r"std=1\.0: give 3 numbers"),
        (dict(img_size=33), "33x33 is not divisible by patch_size"),
    ],
)
def test_a_wrong_option_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mmmim.get_model("mae/vit-tiny_toy", **options)


def test_a_config_is_taken_as_well() -> None:
    cfg = load_config("mae/vit-tiny_toy", {"model.backbone.img_size": 32})
    assert mmmim.get_model(cfg).img_size == (32, 32)


def test_images_are_normalised_as_those_that_the_checkpoint_was_trained_on(pictures: Path, tmp_path: Path) -> None:
    own = {"model.data_preprocessor.mean": [1.0, 2.0, 3.0], "model.data_preprocessor.std": [4.0, 5.0, 6.0]}
    run = mmmim.train("mae/vit-tiny_toy", pictures, work_dir=tmp_path, cfg_options=TINY | own, epochs=1)
    shape = {key.rpartition(".")[2]: value for key, value in TINY.items() if "backbone" in key}
    shape["arch"] = {key: value for key, value in shape["arch"].items() if key != "_delete_"}
    for encoder in (mmmim.get_model("mae/vit-tiny_toy", run.checkpoint, **shape), mmmim.load_encoder(tmp_path)):
        assert encoder.preprocessor.statistics == dict(mean=(1, 2, 3), std=(4, 5, 6))
    told = mmmim.get_model("mae/vit-tiny_toy", run.checkpoint, mean=[7, 8, 9], **shape)
    assert told.preprocessor.statistics == dict(mean=(7, 8, 9), std=(4, 5, 6))


def test_names_of_the_api_are_found_without_loading_it() -> None:
    code = "import json, sys, mmmim; print(json.dumps([dir(mmmim), 'torch' in sys.modules, mmmim.__version__]))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    names, has_torch, version = json.loads(told)
    assert {"embed", "get_model", "list_models", "load_encoder", "reconstruct", "train"} <= set(names)
    assert not has_torch and version == mmmim.__version__
    assert sorted(apis.MODULES) == sorted(apis.__all__) and set(mmmim.__all__) - {"__version__"} <= set(apis.__all__)
    assert all(getattr(apis, name).__name__ == name for name in apis.__all__)
    with pytest.raises(AttributeError, match="no attribute 'get_modell'"):
        mmmim.get_modell  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'get_modell'"):
        apis.get_modell  # noqa: B018


@pytest.mark.slow
def test_a_type_checker_sees_the_api(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        'import mmmim\nreveal_type(mmmim.get_model("mae/vit-tiny_toy"))\nreveal_type(mmmim.train("a").checkpoint)\n'
        'reveal_type(mmmim.embed("a", "b"))\nreveal_type(mmmim.reconstruct("a", "toy").mask)\n'
        'reveal_type(mmmim.list_models())\nmmmim.train("a", epoch=3)\n',
        encoding="utf-8",
    )
    words = ["--ignore-missing-imports", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache")]
    path = dict(os.environ, MYPYPATH=str(Path(mmmim.__file__).parents[1]))  # an editable installation hides it
    command = [sys.executable, "-m", "mypy", *words, str(script)]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=path).stdout
    kinds = ["ImageEncoder", "Path | None", "Embeddings", "ndarray", "list[str]"]
    lines = [line for line in told.splitlines() if "Revealed type" in line]
    assert len(lines) == len(kinds) and all(kind in line for kind, line in zip(kinds, lines, strict=True)), told
    assert 'Unexpected keyword argument "epoch"' in told
