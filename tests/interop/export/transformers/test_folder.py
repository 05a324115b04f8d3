from __future__ import annotations

from pathlib import Path

import pytest
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import ResNet


def test_tensors_that_a_release_does_not_know_stop_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmmim.interop.export.transformers import ADAPTERS

    right = ADAPTERS["resnet"]

    def renamed(encoder, head):
        model = right(encoder, head)
        return model._replace(state={name.replace("shortcut", "detour"): value for name, value in model.state.items()})

    monkeypatch.setitem(ADAPTERS, "resnet", renamed)
    write_checkpoint(tmp_path / "run.pth", ResNet)
    with pytest.raises(UsageError, match=r"has other tensors: .*detour.*nothing is written"):
        export(read_encoder(tmp_path / "run.pth"), "transformers", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.pth"]
