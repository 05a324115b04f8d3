"""tools/convert.py, and the tools that read what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmmim.commands.convert import main as convert_command
from mmmim.commands.visualize import main as visualize
from mmmim.models.backbones import BEiTViT, ViT
from mmmim.models.necks import MAEDecoder

ROOT = Path(__file__).parents[2]
TINY = dict(embed_dims=16, depth=1, num_heads=2)  # of the ``toy`` fixture


def convert(*words: object) -> int:
    return convert_command([str(word) for word in words])


def official(arch: dict, img_size: int, patch_size: int, **decoder: int) -> dict[str, Tensor]:
    """Our names without their part are the official ones (tests/interop/convert/test_mae.py)."""
    encoder = ViT(arch, img_size, patch_size)
    neck = MAEDecoder(encoder.embed_dims, 3 * patch_size**2, encoder.grid_size, **decoder)
    return {**encoder.state_dict(), **neck.state_dict()}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    torch.save(dict(model=official(TINY, 32, 8, dims=16, depth=1, num_heads=2), epoch=9), tmp_path / "tiny.pth")
    return tmp_path / "tiny.pth"


def test_it_says_what_it_found_and_what_is_next(tmp_path: Path, tiny: Path, capsys) -> None:
    out = tmp_path / "new" / "ckpt.pth"
    assert convert(tiny, "--out", out, "--num-heads", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "layout mae (recognised)",
        "encoder: ViT embed_dims=16, depth=1, num_heads=2, images 32x32, patches 8x8, a class token, positions sincos",
        f"38 of 38 tensors written to {out}: backbone 18, neck 20",
        "not carried over: epoch",
    ]
    assert lines[5] == "next:" and "no config here has this encoder" in lines[6]


ARCH = dict(embed_dims=128, depth=6, num_heads=4)  # of configs/_base_/models/toy_arch.py


@pytest.mark.parametrize(
    ("layout", "tensors", "unused"),
    [
        ("mae", 4 + 6 * 12, ["norm.weight", "norm.bias"]),  # the recipe replaces the final norm
        ("beit", 3 + 6 * (15 + 1), ["mask_token", "norm.weight", "norm.bias"]),  # a table per block
    ],
)
def test_fine_tuning_loads_every_tensor(tool, tmp_path: Path, layout: str, tensors: int, unused: list[str]) -> None:
    mae = layout == "mae"
    state = official(ARCH, 64, 8, dims=16, depth=1, num_heads=2) if mae else BEiTViT(ARCH, 64, 8).state_dict()
    torch.save(dict(model=state), tmp_path / "official.pth")
    assert convert(tmp_path / "official.pth", "--out", tmp_path / "ckpt.pth", "--num-heads", 4) == 0
    config = ROOT / f"configs/{layout}/downstream/ft_vit-tiny_toy.py"
    small = ["train_dataloader.dataset.num_images=8", "train_dataloader.batch_size=8"]
    small += ["val_dataloader.dataset.num_images=8", "auto_scale_lr.recipe_batch_size=8"]
    small += ["train_cfg.max_epochs=1", "train_cfg.val_interval=2", "param_scheduler=None"]
    words = ["--checkpoint", tmp_path / "ckpt.pth", "--work-dir", tmp_path / "run"]
    assert tool("train", config, *words, "--cfg-options", *small) == 0
    report = json.loads((tmp_path / "run/pretrained_report.json").read_text(encoding="utf-8"))
    assert report["loaded_of_expected"] == f"{tensors}/{tensors}"
    assert report["unused"] == unused and not report["missing"] and not report["unexpected"]
    assert report["meta"]["converted_from"] == layout


def test_the_decoder_paints(toy, tmp_path: Path, tiny: Path) -> None:
    assert convert(tiny, "--out", tmp_path / "ckpt.pth", "--num-heads", 2) == 0
    picture = tmp_path / "rec.png"
    words = ["reconstruction", toy(), tmp_path / "ckpt.pth", "--num", 2, "--out", picture]
    assert visualize([str(word) for word in words]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.pth"], "nowhere.pth: does not exist"),
        (["FILE"], "16 is no published width"),
        (["FILE", "--from", "bert"], "--from bert: unknown; did you mean 'beit'"),
        (["FILE", "--from", "beit"], "as layout 'beit': how many heads"),
        (["FILE", "--window-size", "0"], "--window-size 0: must be at least 1"),
        (["FILE", "--num-heads", "0"], "--num-heads 0: must be at least 1"),
        (["FILE", "--num-heads", "2", "--img-size", "1", "2", "3"], "give one or two positive numbers"),
    ],
)
def test_mistakes_are_one_message(tmp_path: Path, tiny: Path, capsys, words: list[str], message: str) -> None:
    words = [str(tiny) if word == "FILE" else word for word in words]
    assert convert(*words, "--out", tmp_path / "out.pth") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and "Traceback" not in error
    assert not (tmp_path / "out.pth").exists()
