"""Weights that a metafile names, with made-up metafiles: none are published yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import mmmim
from mmmim.apis import TrainingResult, weights
from mmmim.errors import RunFailed, UsageError

pytestmark = pytest.mark.usefixtures("own_cache_folder")


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
