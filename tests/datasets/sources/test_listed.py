from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmmim.datasets import ImageFolder
from mmmim.datasets.packs import PackSettings, write_pack
from mmmim.datasets.sources import open_list
from mmmim.errors import UsageError


def test_a_list_with_labels_is_packed(class_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("../images/bee/03.png 10\nimages/ant/00.png 2\n", encoding="utf-8")
    source = open_list(f"{tmp_path}/list.txt", f"{class_folder}")
    with pytest.raises(UsageError, match=r"none of the 2 images .*--root"):
        open_list(f"{tmp_path}/list.txt", f"{tmp_path}/nowhere")
    (tmp_path / "list.txt").write_text("images/bee/03.png 10\n./images/ant/00.png 2\n", encoding="utf-8")
    source = open_list(f"{tmp_path}/list.txt")
    write_pack(source, tmp_path / "pack", PackSettings(), 1)
    data = ImageFolder(f"{tmp_path}/pack")
    assert data.classes == ("2", "10") and list(data.paths) == ["10/images/bee/03.png", "2/images/ant/00.png"]
    assert [(data[i]["labels"], int(data[i]["inputs"][0, 0, 0])) for i in (0, 1)] == [(1, 43), (0, 0)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.png 1\nb.png -1\n", "labels from 0 on in some lines only"),
        ("a.png 1\nb.png\n", "labels from 0 on in some lines only"),
        ("a.png\n./a.png\n", "names 1 images several times, e.g. 'a.png'"),
        ("nowhere.png\n", "none of the 1 images"),
    ],
)
def test_lists_that_are_refused(text: str, told: str, tmp_path: Path, picture: Any) -> None:
    picture(tmp_path / "a.png"), picture(tmp_path / "b.png")
    (tmp_path / "list.txt").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        open_list(f"{tmp_path}/list.txt")
