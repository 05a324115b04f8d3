from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from mmmim.commands.benchmark import main


def figures_of(words: list[str], tmp_path: Path) -> dict[str, Any]:
    out = tmp_path / "figures.json"
    assert main([*words, "--out", str(out)]) == 0
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["kind"] == words[0] and torch.__version__.startswith(content["machine"]["torch"])
    return content["figures"]
