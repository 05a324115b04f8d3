from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_packs import interrupt, pack

from mmmim.errors import RunFailed, UsageError


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (dict(size=128), r"half-written pack with other settings: --size 256 there, 128 here"),
        (dict(format="pixels"), r"--format jpeg there, pixels here"),
        (dict(quality=50, per_shard=11), r"--quality 90 there, 50 here, --per-shard 10 there, 11 here"),
    ],
)
def test_a_half_written_pack_goes_on_with_its_own_settings_only(
    changes: dict, told: str, class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, 15, RunFailed("stop"))
    with pytest.raises(RunFailed, match="stop"):
        pack(class_folder, tmp_path / "pack")
    monkeypatch.undo()
    with pytest.raises(UsageError, match=told):
        pack(class_folder, tmp_path / "pack", **changes)
    assert (tmp_path / "pack" / "shard-00000.zip").exists()


def test_a_pack_of_other_images_and_another_folder_are_left_alone(
    class_folder: Path, tmp_path: Path, picture: Any
) -> None:
    pack(class_folder, tmp_path / "pack")
    picture(class_folder / "ant" / "new.png")
    with pytest.raises(UsageError, match=r"is a pack of other images: 36 of .* there, 37 of .* here"):
        pack(class_folder, tmp_path / "pack")
    with pytest.raises(UsageError, match=r"is not empty and no pack"):
        pack(class_folder, class_folder)
