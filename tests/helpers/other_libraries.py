"""Checkpoints to export, and a process that opens the exports without mmmim."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from small_encoders import write_checkpoint

from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

SQUARE = dict(img_size=32)
FLAT = dict(img_size=64, window_size=8, pretrained_window_sizes=(4, 4, 2))
# Of every encoder a form that all libraries have, by name.
ENCODERS: dict[str, tuple[Any, dict]] = {
    "ViT": (ViT, {}),
    "ViT of other patches and channels": (ViT, dict(patch_size=(8, 16), in_channels=5)),
    "ViT without positions": (ViT, dict(pos_embed="none")),
    "BEiTViT, shared positions": (BEiTViT, SQUARE),
    "BEiTViT, positions per block": (BEiTViT, dict(rel_pos="block", pos_embed="learned", **SQUARE)),
    "BEiTViT, plain": (BEiTViT, dict(rel_pos="none", layer_scale=None, qkv_bias="qkv", pos_embed="learned")),
    "Swin": (Swin, dict(window_size=2)),
    "SwinV2": (SwinV2, FLAT),
    "ResNet": (ResNet, {}),
    "ResNet, bottleneck": (ResNet, dict(depth=dict(block="bottleneck", depths=(1, 1, 1, 1)), in_channels=1)),
}


def exported(path: Path, target: str, cls: Any, settings: dict) -> list[str]:
    """Export a tiny encoder below ``path``, store images with our features, and return what the other process needs."""
    path.mkdir(parents=True)
    model = write_checkpoint(path / "run.pth", cls, **settings)
    model.out_type = "raw"
    export(read_encoder(path / "run.pth"), target, path / "out")
    images = torch.randn(3, model.in_channels, *model.img_size)
    with torch.no_grad():
        expected = model(images)[-1]
    return job(path, target, images, expected)


def job(path: Path, target: str, images: torch.Tensor, expected: torch.Tensor) -> list[str]:
    """Store what the folder ``path / "out"`` has to give, and return what the other process needs."""
    save_file(dict(images=images.contiguous(), expected=expected.contiguous()), path / "tensors.safetensors")
    return [target, str(path / "out"), str(path / "tensors.safetensors")]


def differences_elsewhere(tmp_path: Path, jobs: list[list[str]]) -> list[float]:
    """Return the largest differences, relative where outputs exceed 1, that a process without mmmim finds."""
    (tmp_path / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    script = Path(__file__).with_name("opened_elsewhere.py")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    words = [sys.executable, str(script), str(tmp_path / "jobs.json")]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
