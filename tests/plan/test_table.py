from __future__ import annotations

from pathlib import Path

from dry_runs import plan

ROOT = Path(__file__).parents[2]


def test_tokenizers_and_their_files_are_named() -> None:
    missing = "DALLETokenizer, 8,192 codes: data/tokenizers/dalle is missing: a run would stop at its start"
    assert missing in plan("cim/vit-b_respix_300e.py", 32)[1]
    assert "TinyDVAE, 512 codes: tiny_dvae.safetensors" in plan("beit/vit-tiny_toy.py", 1)[1]


def test_recipe_batch_is_warned_about() -> None:
    assert "warning: effective batch 256 differs from the recipe's 1024" in plan("ccmim/vit-b_800e.py", 8)[1]
