"""What is printed after a conversion runs, and builds models that the checkpoint fits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch
from mae_files import ARCH
from mmengine.config import Config
from torch import Tensor

from mmmim.interop.convert import Conversion, follow_up
from mmmim.models.backbones import BEiTViT, Swin, ViT
from mmmim.models.necks import MAEDecoder

ROOT = Path(__file__).parents[3]


def described(
    encoder: Any, neck: Any = None, head: dict[str, Tensor] | None = None, layout: str = "mae", **more: Any
) -> Conversion:
    state = {f"backbone.{name}": value for name, value in encoder.state_dict().items()}
    meta = dict(encoder.describe(), stage="ft" if head else "ssl", **more)
    return Conversion(
        layout, state | (head or {}), meta, dict(backbone=encoder) | (dict(neck=neck) if neck else {}), {}
    )


def config_of(command: str) -> Config:
    words = command.split()
    cfg = Config.fromfile(ROOT / next(word for word in words if word.startswith("configs/")))
    if "--cfg-options" in words:
        from mmengine.config import DictAction

        parser = argparse.ArgumentParser()
        parser.add_argument("--cfg-options", nargs="+", action=DictAction)
        cfg.merge_from_dict(parser.parse_args(words[words.index("--cfg-options") :]).cfg_options)
    return cfg


@pytest.mark.parametrize(
    ("encoder", "settings", "layout"),
    [
        (ViT, dict(arch="base"), "mae"),
        (ViT, dict(arch="large"), "mae"),
        (ViT, dict(arch="huge", patch_size=14), "mae"),
        (ViT, dict(arch="huge", patch_size=14, img_size=448), "mae"),
        (Swin, dict(arch="base", img_size=192, window_size=6), "simmim"),
        (Swin, dict(arch="large", img_size=192, window_size=12), "simmim"),
        (BEiTViT, dict(arch="base"), "simmim"),
        (BEiTViT, dict(arch="base"), "beit"),
        (BEiTViT, dict(arch="small"), "conmim"),
        (BEiTViT, dict(arch="base"), "conmim"),
        (BEiTViT, dict(arch="large"), "conmim"),
    ],
)
def test_the_commands_build_models_that_the_checkpoint_fits(encoder: type, settings: dict, layout: str) -> None:
    from mmmim.registry import MODELS

    with torch.device("meta"):
        model: Any = encoder(**settings)
        neck = MAEDecoder(model.embed_dims, 588, model.grid_size, dims=256, depth=4) if encoder is ViT else None
        conversion = described(model, neck, layout=layout)
        commands = [command for command in follow_up(conversion, "CKPT.pth") if "configs/" in command]
        assert len(commands) == (4 if encoder is ViT else 2)
        for command in commands:
            cfg = config_of(command)
            backbone = MODELS.build({**cfg.model.backbone, "type": encoder.__name__, "init_cfg": None})
            report = {name: value.shape for name, value in backbone.state_dict().items()}
            stored = {name.removeprefix("backbone."): v.shape for name, v in conversion.state.items()}
            same = {name for name, shape in report.items() if stored.get(name) == shape}
            resized = {name for name in report if name.endswith("relative_position_bias_table")}
            assert same | resized == set(report), command
            assert "head" not in cfg.model or cfg.model.head.get("in_channels", 768) in (768, model.embed_dims)
            if "downstream" in command:
                assert cfg.model.head.in_channels == model.embed_dims
            if "linear" in command:
                assert cfg.model.backbone.frozen_stages == model.depth
            if "visualize" in command:
                assert (cfg.model.neck.dims, cfg.model.neck.depth) == (256, 4)


def test_a_classifier_is_tested_and_an_unknown_size_is_spelled_out() -> None:
    head = {"head.norm.0.weight": torch.zeros(768), "head.fc.weight": torch.zeros(21, 768)}
    with torch.device("meta"):
        lines = follow_up(described(ViT("base", final_norm=False), head=head), "ft.pth")
        probe = follow_up(described(ViT("base"), head=head | {"head.norm.0.running_mean": torch.zeros(768)}), "p.pth")
        tiny = follow_up(described(ViT(ARCH, img_size=32, patch_size=8)), "tiny.pth")
    assert lines[0].startswith("python tools/test.py configs/mae/downstream/ft_vit-b_100e_in1k.py ft.pth --cfg-options")
    assert config_of(lines[0]).model.head.num_classes == 21 and "linear_vit-b" in probe[0]
    names: dict[str, Any] = {}
    exec(tiny[1], names)
    assert names["backbone"]["arch"]["embed_dims"] == 32 and names["backbone"]["init_cfg"]["checkpoint"] == "tiny.pth"
