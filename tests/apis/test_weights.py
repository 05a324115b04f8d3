"""Weights that a metafile names, with made-up metafiles: none are published yet."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
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
    assert found.is_relative_to(tmp_path / "cache" / "weights") and found.name == file.name
    assert found.read_bytes() == file.read_bytes()
    found.write_bytes(found.read_bytes()[:-1])  # a damaged file is replaced
    assert weights.fetch("mae/vit-tiny_toy").read_bytes() == file.read_bytes()
    file.unlink()
    config = Path(weights.__file__).parents[2] / "configs/mae/vit-tiny_toy.py"
    for name in ("configs/mae/vit-tiny_toy.py", "mae_vit-tiny_toy", str(config)):
        assert weights.fetch(name) == found  # from the cache


def test_newer_weights_of_the_same_name_are_other_ones(publish: Callable[..., Path]) -> None:
    file = publish()
    publish(file.as_uri())
    first, content = weights.fetch("mae/vit-tiny_toy"), file.read_bytes()
    file.write_bytes(content + b"newer")
    digest = hashlib.sha256(content + b"newer").hexdigest()
    publish(file.as_uri(), **{"Weights SHA256": digest})
    second = weights.fetch("mae/vit-tiny_toy")
    assert second != first and second.read_bytes() == content + b"newer" and first.read_bytes() == content


def test_the_query_of_an_address_is_no_part_of_the_name(
    publish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish()
    publish(f"https://example.invalid/files/{file.name}?download=1")
    monkeypatch.setenv(weights.WEIGHTS_VARIABLE, str(file.parent))
    assert weights.fetch("mae/vit-tiny_toy") == file


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
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
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


def test_a_cache_that_cannot_be_written_is_one_line(
    publish: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(publish().as_uri())
    (tmp_path / "file").touch()
    monkeypatch.setenv("MMMIM_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"cannot be written there \(Not a directory\).*MMMIM_CACHE=DIR"):
        weights.fetch("mae/vit-tiny_toy")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setenv("MMMIM_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", full)
    with pytest.raises(UsageError, match=r"bytes cannot be written there \(No space left on device\)"):
        weights.fetch("mae/vit-tiny_toy")


def test_a_server_that_stays_silent_is_given_up(publish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, and never answers
        publish(f"http://127.0.0.1:{server.getsockname()[1]}/mae.pth")
        with pytest.raises(RunFailed, match=r"cannot be reached .*timed out"):
            weights.fetch("mae/vit-tiny_toy")
    assert socket.getdefaulttimeout() is None


def test_models_without_weights_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"no published weights of 'mae/vit-b_800e'.*Give checkpoint=FILE"):
        mmmim.get_model("mae/vit-b_800e", pretrained=True)
