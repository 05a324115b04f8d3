import json
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(name, *arguments):
    return import_module(f"mmmim.commands.{name}").main([str(argument) for argument in arguments])


def test_knn_writes_both_encoders_beside_the_checkpoint(pretrain_config, checkpoint, capsys):
    assert run("knn", pretrain_config, checkpoint, "--random-init", "--num-test", 48) == 0
    result = json.loads((checkpoint.parent / "knn.json").read_text(encoding="utf-8"))
    assert list(result["pretrained"]) == ["k10", "k20", "k100"]  # 200 is more than the 160 images
    assert all(0 < value < 100 for part in ("pretrained", "random_init") for value in result[part].values())
    assert result["num_test"] == 48
    assert "random init: top-1 k=10" in capsys.readouterr().out


@pytest.mark.parametrize("tool", ["knn", "probe"])
def test_a_second_evaluation_reads_the_features(pretrain_config, checkpoint, tmp_path, monkeypatch, tool):
    options = [pretrain_config, checkpoint, "--random-init", "--num-test", 48, "--cache", tmp_path / "kept"]
    results = checkpoint.parent / f"{tool}.json"
    assert run(tool, *options) == 0
    first = results.read_bytes()
    assert len(list((tmp_path / "kept").iterdir())) == 4
    with monkeypatch.context() as patch:
        patch.setattr("mmmim.evaluation.cached_extraction.extract_all", lambda *_, **__: pytest.fail("extracted"))
        results.unlink()
        assert run(tool, *options) == 0
        assert results.read_bytes() == first
    for file in (tmp_path / "kept").iterdir():
        file.unlink()
    assert run(tool, *options, "--no-cache", "--workers", 1, "--batch-size", 7) == 0
    assert results.read_bytes() == first and not list((tmp_path / "kept").iterdir())


def test_knn_refuses_a_large_k_before_it_extracts_features(pretrain_config, capsys, monkeypatch):
    monkeypatch.setattr("mmmim.evaluation.frozen.FrozenEvaluation.features", lambda *_: pytest.fail("extracted"))
    assert run("knn", pretrain_config, "none", "--k", 10, 161) == 2
    assert "k: (10, 161) must lie in 1..160" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["knn", "layerwise", "attentive"])
def test_knn_takes_classifier_configs(tmp_path, kind):
    config, out = ROOT / f"configs/ccmim/downstream/{kind}_vit-tiny_toy.py", tmp_path / "knn.json"
    options = ["--num-test", 24, "--k", 5, "--out", out, "--cfg-options", "train_dataloader.dataset.num_images=40"]
    assert run("knn", config, "none", *options) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert (result["num_train"], result["num_test"], result["num_classes"], result["pool"]) == (40, 24, 8, "avg")
    assert 0 <= result["random_init"]["k5"] <= 100
