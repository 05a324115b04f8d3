from __future__ import annotations

from pathlib import Path
from typing import Any

from container_content import keys_and_pixels

from mmmim.datasets import ImageFolder


def test_the_samples_of_a_zip_are_those_of_the_folder(made: Any, class_folder: Path) -> None:
    assert keys_and_pixels(str(made("stored.zip")), 0) == keys_and_pixels(str(class_folder), 0)


def test_images_inside_a_zip_that_is_damaged_later_are_bad_files(made: Any) -> None:
    root = made("stored.zip")
    data = ImageFolder(str(root))
    offset, length = (int(data.source.columns[name][5]) for name in ("offset", "length"))
    whole = bytearray(root.read_bytes())
    whole[offset + length // 2] ^= 1
    root.write_bytes(whole)
    assert data[5]["indices"] != 5 and data.bad_files == [f"{root}/ant/05.png"]
