from __future__ import annotations

import pytest

from mmmim.datasets import ImageList


def test_list_file_errors(tmp_path):
    listing = tmp_path / "list.txt"
    with pytest.raises(FileNotFoundError, match=r"ann_file: no such file"):
        ImageList(str(tmp_path), str(listing))
    listing.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"names no image"):
        ImageList(str(tmp_path), str(listing))
    listing.write_text("a.png 1\nb.png\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"labels in 1 of 2 lines.*'b.png'"):
        ImageList(str(tmp_path), str(listing))
    listing.write_text("a.png 5\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"classes: 2 names, but .* has label 5 in line 1"):
        ImageList(str(tmp_path), str(listing), classes=["x", "y"])
