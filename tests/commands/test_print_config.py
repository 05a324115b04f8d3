from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmmim.commands.print_config import main

ROOT = Path(__file__).parents[2]


def test_the_command_prints_what_takes_effect(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ROOT / "configs/mae/vit-tiny_toy.py")
    assert main([config, "--cfg-options", "model.masker.mask_ratio=0.5", "--origin"]) == 0
    text = capsys.readouterr().out
    wanted = Config.fromfile(config)
    wanted.merge_from_dict({"model.masker.mask_ratio": 0.5})
    assert Config.fromstring(text, ".py").to_dict() == wanted.to_dict()
    assert "mask_ratio=0.5,  # --cfg-options" in text
    assert main([config, "--cfg-options", "model.masker.mask_ration=0.5"]) == 2
