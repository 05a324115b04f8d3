from __future__ import annotations

import json
from pathlib import Path

from small_encoders import write_checkpoint

from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, ViT

SQUARE = dict(img_size=32)


def test_an_encoder_without_final_norm_is_their_beit(tmp_path: Path) -> None:
    for number, (cls, settings) in enumerate([(ViT, {}), (BEiTViT, dict(rel_pos="block"))]):
        write_checkpoint(tmp_path / "run.pth", cls, final_norm=False, **SQUARE, **settings)
        assert export(read_encoder(tmp_path / "run.pth"), "transformers", tmp_path / f"out{number}")[1] < 1e-10
        stored = json.loads((tmp_path / f"out{number}" / "config.json").read_text(encoding="utf-8"))
        assert stored["model_type"] == "beit" and stored["use_mean_pooling"]
