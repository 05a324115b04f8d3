from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile import hostile
from mmengine.runner import CheckpointLoader

from mmmim.errors import MissingFileError, UsageError, WeightsError


def test_every_loader_of_mmengine_is_replaced() -> None:
    loaders = {name: loader.__module__ for name, loader in CheckpointLoader._schemes.items()}
    assert set(loaders.values()) == {"mmmim.checkpoint.schemes"}, loaders


def test_they_are_replaced_wherever_a_model_of_ours_is_known() -> None:
    code = (
        "import mmmim.models; from mmengine.runner import CheckpointLoader as C; "
        "print(C._schemes[''].__module__, C._schemes['http://'].__module__)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["mmmim.checkpoint.schemes"] * 2


@pytest.mark.parametrize("kind", ["os.system", "eval"])
def test_mmengine_runs_nothing(tmp_path: Path, kind: str) -> None:
    torch.save(dict(state_dict={}, extra=hostile(tmp_path / "marker")[kind]), tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="refused"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "evil.pth"), map_location="cpu")
    assert not (tmp_path / "marker").exists()


def test_a_download_is_read_in_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    torch.save(dict(extra=hostile(tmp_path / "marker")["eval"]), tmp_path / "evil.pth")
    monkeypatch.setattr(
        torch.hub,
        "download_url_to_file",
        lambda url, file, progress: Path(file).write_bytes((tmp_path / "evil.pth").read_bytes()),
    )
    with pytest.raises(WeightsError, match="refused"):
        CheckpointLoader.load_checkpoint("https://example.org/models/evil.pth?raw=1")
    assert not (tmp_path / "marker").exists() and (tmp_path / "checkpoints" / "evil.pth").is_file()


def test_without_a_network_the_place_of_a_local_copy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError("no route")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fails)
    for name in ("https://example.org/a.pth", "torchvision://resnet50", "open-mmlab://resnet50_v1c"):
        with pytest.raises(MissingFileError, match=r"download failed \(no route\).*put the file at .*\.pth"):
            CheckpointLoader.load_checkpoint(name)
    with pytest.raises(UsageError, match="no model of this name was published; did you mean"):
        CheckpointLoader.load_checkpoint("torchvision://resnet5o")
    with pytest.raises(UsageError, match="PAVI"):
        CheckpointLoader.load_checkpoint("pavi://a")
