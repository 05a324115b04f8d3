from __future__ import annotations

import pytest
from pictures import BAD

from mmmim.datasets import ImageFolder, ImageList


def _names(data):
    return [name.rsplit("/", 1)[-1] for name in data.bad_files]


def test_bad_file_is_replaced_by_a_readable_one(broken):
    data = ImageFolder(str(broken))
    found = [data[i] for i in range(6)]
    assert (found[0]["indices"], found[4]["indices"]) == (0, 4)
    assert all(each["inputs"][0, 0, 0] == 10 * each["indices"] and each["indices"] in (0, 4) for each in found)
    assert _names(data) == BAD


def test_replacement_does_not_depend_on_what_was_read_before(broken):
    forward, backward = ImageFolder(str(broken)), ImageFolder(str(broken))
    wanted = {i: forward[i]["indices"] for i in range(6)}
    assert {i: backward[i]["indices"] for i in reversed(range(6))} == wanted


def test_each_file_is_named_once(broken, monkeypatch):
    warnings = []
    monkeypatch.setattr("mmmim.datasets.base.print_log", lambda text, **_: warnings.append(text))
    data = ImageFolder(str(broken))
    for _ in range(3):
        for index in range(6):
            data[index]
    assert sorted(text.split(":")[0] for text in warnings) == [f"Skipping unreadable image {broken}/{n}" for n in BAD]
    told = "".join(warnings)
    assert "OSError: image file is truncated" in told and "12 bytes in no format that Pillow knows" in told


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of the 1 images is readable, e\.g\. .*a\.jpg"):
        ImageFolder(str(tmp_path))[0]


def test_missing_file_of_a_list(broken, tmp_path):
    (tmp_path / "list.txt").write_text("00.png 3\nnot there.png 1\n", encoding="utf-8")
    data = ImageList(str(broken), str(tmp_path / "list.txt"))
    assert data[1]["labels"] == 3 and _names(data) == ["not there.png"]


def test_index_out_of_range(broken):
    with pytest.raises(IndexError, match=r"0\.\.5, got 6"):
        ImageFolder(str(broken))[6]
