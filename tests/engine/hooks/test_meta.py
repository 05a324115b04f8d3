from __future__ import annotations

from pathlib import Path

import torch
from tiny_run import saving, train


def test_content_is_plain(tmp_path: Path) -> None:
    train(tmp_path, **saving(3), **{"train_cfg.stop_after": 3})
    checkpoint = torch.load(tmp_path / "iter_3.pth", weights_only=True)
    assert checkpoint["meta"]["epoch"] == 0 and checkpoint["meta"]["iter"] == 3
    facts = checkpoint["meta"]["mmmim"]
    assert facts == dict(method="TinyMasked", stage="ssl", epoch=0, iter=3, version=facts["version"], to_rgb=True)
