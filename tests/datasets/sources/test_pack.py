from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_packs import cut, flip

from mmmim.datasets import ImageFolder
from mmmim.errors import UsageError


def change_facts(folder: Path, **changes: Any) -> None:
    facts = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    (folder / "pack.json").write_text(json.dumps(dict(facts, **changes)), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda p: change_facts(p, version=2), r"version 2 of 'mmmim-pack', and this mmmim reads version 1"),
        (lambda p: change_facts(p, complete=False), r"is a pack that is not finished"),
        (lambda p: (p / "pack.json").write_text("{", encoding="utf-8"), r"pack\.json' is damaged"),
        (lambda p: (p / "shard-00002.zip").unlink(), r"shard-00002\.zip' is missing; copy it again"),
        (lambda p: cut(p / "shard-00002.zip"), r"shard-00002\.zip' has [\d,]+ bytes in place of [\d,]+; copy it again"),
        (lambda p: (p / "index.npz").unlink(), r"index\.npz' is missing; python tools/pack\.py --verify"),
        (lambda p: cut(p / "index.npz"), r"index\.npz' is not the one of this pack: .*--verify"),
    ],
)
def test_what_is_wrong_with_a_pack_is_one_line(harm: Callable[[Path], Any], told: str, packed: Path) -> None:
    harm(packed)
    with pytest.raises(UsageError, match=told) as found:
        ImageFolder(str(packed))
    assert "\n" not in str(found.value)


def test_an_image_whose_checksum_fails_is_a_bad_file(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("mmmim.datasets.base.print_log", lambda text, **_: told.append(text))
    shard = flip(packed, 14)
    data = ImageFolder(str(packed))
    assert data[14]["indices"] != 14 and data.bad_files == [f"{packed}/bee/02.png"]
    assert shard in told[0] and "the checksum fails" in told[0]
    assert [data[i]["indices"] for i in (13, 15)] == [13, 15]
