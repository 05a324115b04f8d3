"""Weights that a metafile names, with made-up metafiles: none are published yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import mmmim
from mmmim.apis import TrainingResult, weights, zoo
from mmmim.errors import RunFailed, UsageError


@pytest.fixture
def publish(trained: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``publish(location)``: a project whose only model has these weights; returns the true file."""
    assert trained.checkpoint is not None
    content = trained.checkpoint.read_bytes()
    file = tmp_path / "mirror" / "mae_vit-tiny_toy-1234abcd.pth"
    file.parent.mkdir()
    file.write_bytes(content)
    (config,) = trained.work_dir.glob("*.py")

    def write(location: str = "https://example.invalid/mae_vit-tiny_toy-1234abcd.pth", **changes: object) -> Path:
        facts = {
            "Epochs": 1, "Weights SHA256": hashlib.sha256(content).hexdigest(), "Weights Size": len(content),
            "Weights License": "Apache-2.0",
        }  # fmt: skip
        entry = dict(
            Name="mae_vit-tiny_toy", Config="configs/mae/vit-tiny_toy.py", Weights=location, Metadata=facts | changes,
            Results=[dict(Task="k-NN", Source="ours", Metrics={"Top 1 Accuracy": 50.0})], **{"In Collection": "MAE"},
        )  # fmt: skip
        collection = dict(Name="MAE", Metadata=dict(Architecture=["ViT"]))
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        (root / "model-index.yml").write_text("Import: [metafile.yml]\n", encoding="utf-8")
        text = yaml.safe_dump(dict(Collections=[collection], Models=[entry]))
        (root / "metafile.yml").write_text(text, encoding="utf-8")
        found = zoo.zoo.__wrapped__(root)
        for module in ("weights", "models"):
            monkeypatch.setattr(f"mmmim.apis.{module}.zoo", lambda: found)
        monkeypatch.setattr("mmmim.apis.models.load_config", lambda name: load(str(config)))
        return file

    from mmmim.launch.options import load_config as load

    return write


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMMIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(weights.WEIGHTS_VARIABLE, raising=False)


def features(encoder: mmmim.apis.ImageEncoder) -> torch.Tensor:
    return encoder(torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32))


def test_weights_come_from_a_local_folder(
    publish: Callable[..., Path], trained: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(weights.WEIGHTS_VARIABLE, str(publish().parent))
    assert mmmim.list_models(pretrained=True) == ["mae/vit-tiny_toy"]
    assert torch.equal(
        features(mmmim.get_model("mae/vit-tiny_toy", pretrained=True)), features(mmmim.load_encoder(trained.work_dir))
    )


def test_a_download_is_verified_and_kept(publish: Callable[..., Path], tmp_path: Path) -> None:
    file = publish()
    publish(file.as_uri())
    found = weights.fetch("mae/vit-tiny_toy")
    assert found == tmp_path / "cache" / "weights" / file.name and found.read_bytes() == file.read_bytes()
    file.unlink()
    assert weights.fetch("configs/mae/vit-tiny_toy.py") == found  # from the cache
    found.write_bytes(found.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"its sha256 is .*delete it and get it again"):
        weights.fetch("mae/vit-tiny_toy")


def test_a_mirror_may_be_an_address(
    publish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(weights.WEIGHTS_VARIABLE, publish().parent.as_uri())
    assert weights.fetch("mae/vit-tiny_toy").is_relative_to(tmp_path / "cache")


def test_other_bytes_are_refused(publish: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = publish()
    publish(file.as_uri(), **{"Weights SHA256": "0" * 64})
    with pytest.raises(UsageError, match=r"invalid hash value.*not the published one"):
        weights.fetch("mae/vit-tiny_toy")
    assert not list((tmp_path / "cache" / "weights").iterdir())
    monkeypatch.setenv(weights.WEIGHTS_VARIABLE, str(file.parent))
    with pytest.raises(UsageError, match="its sha256 is"):
        weights.fetch("mae/vit-tiny_toy")


def test_without_a_network_or_a_file_it_is_one_line(
    publish: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    with pytest.raises(RunFailed, match=r"cannot be reached .*name it with MMMIM_WEIGHTS=DIR"):
        weights.fetch("mae/vit-tiny_toy")
    monkeypatch.setenv(weights.WEIGHTS_VARIABLE, str(tmp_path / "empty"))
    with pytest.raises(UsageError, match=r"there is no .*empty.*the weights of mae/vit-tiny_toy are https://example"):
        weights.fetch("mae/vit-tiny_toy")


def test_models_without_weights_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"no published weights of 'mae/vit-b_800e'.*Give checkpoint=FILE"):
        mmmim.get_model("mae/vit-b_800e", pretrained=True)


def test_a_metafile_that_lacks_the_hash_is_named(publish: Callable[..., Path], tmp_path: Path) -> None:
    publish()
    file = tmp_path / "project" / "metafile.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("Weights SHA256", "SHA"), encoding="utf-8")
    with pytest.raises(UsageError, match="the entry 'mae_vit-tiny_toy' lacks 'Weights SHA256'"):
        zoo.zoo.__wrapped__(tmp_path / "project")


def test_the_command_lists_figures_with_their_source(
    publish: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmmim.commands.list_models import main

    assert main(["mae/vit-b*"]) == 0
    assert "mae/vit-b_800e" in (out := capsys.readouterr().out) and "83.3 (published)" in out and "1 models" in out
    publish()
    monkeypatch.setattr("mmmim.apis.zoo.zoo", weights.zoo)
    assert main(["mae/*toy", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["weights"]["licence"] == "Apache-2.0" and told["results"][0]["Source"] == "ours"
    assert main(["mea/*"]) == 2
    assert "no model matches 'mea/*'" in capsys.readouterr().err
