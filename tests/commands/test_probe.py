import json
from importlib import import_module

import pytest

from mmmim.evaluation import cached_extraction


def run(name, *arguments):
    return import_module(f"mmmim.commands.{name}").main([str(argument) for argument in arguments])


def test_probe_repeats_over_seeds(pretrain_config, tmp_path, monkeypatch):
    out = tmp_path / "probe.json"
    passes = []
    extract = cached_extraction.extract_all
    monkeypatch.setattr(cached_extraction, "extract_all", lambda *a, **kw: passes.append(a[2]) or extract(*a, **kw))
    assert run("probe", pretrain_config, "none", "--num-test", 48, "--seeds", 2, "--no-cache", "--out", out) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert "pretrained" not in result
    by_seed = result["random_init"]["by_seed"]
    assert passes == ["training images", "test images"]
    assert len(by_seed) == 2 and result["random_init"]["top1"] == pytest.approx(sum(by_seed) / 2)
