"""A tiny MAE, trained on two kinds of pictures, and a project that publishes its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from tiny_mae import TINY

import mmmim
from mmmim.apis import TrainingResult, models, weights, zoo


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve pictures of two classes, one of them of reds and one of blues."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(12):
        name = "red" if number % 2 else "blue"
        pixels = rng.integers(0, 60, (40, 50, 3), dtype=np.uint8)
        pixels[..., 0 if number % 2 else 2] += 180
        (folder / name).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A tiny MAE that was trained for an epoch on the pictures."""
    work_dir = tmp_path_factory.mktemp("runs") / "mae"
    return mmmim.train("mae/vit-tiny_toy", pictures, work_dir=work_dir, cfg_options=TINY, epochs=1)


@pytest.fixture
def own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMMIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(weights.WEIGHTS_VARIABLE, raising=False)


@pytest.fixture
def publish(
    trained: TrainingResult, own_cache_folder: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """``publish(location)``: a project whose only model has these weights; returns the true file."""
    assert trained.checkpoint is not None
    content = trained.checkpoint.read_bytes()
    file = tmp_path / "mirror" / "mae_vit-tiny_toy-1234abcd.pth"
    file.parent.mkdir()
    file.write_bytes(content)
    (config,) = trained.work_dir.glob("*.py")
    read, load = zoo.zoo.__wrapped__, models.load_config

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
        found = read(root)
        for module in (weights, zoo):
            monkeypatch.setattr(module, "zoo", lambda: found)
        monkeypatch.setattr(models, "load_config", lambda name: load(str(config)))
        return file

    return write
