from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from noise_pictures import smooth_noise, write_pictures

from mmmim.datasets.survey import describe, facts, survey


def told(folder: Path) -> dict[str, Any]:
    found = facts(survey(str(folder), 0, 0, lambda steps, total: iter(steps)))
    return json.loads(json.dumps(found))


def test_everything_that_is_wrong_is_told(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train/ant", 9)
    write_pictures(tmp_path / "train/bee", 3, 20)
    write_pictures(tmp_path / "val/ant", 2, 30)
    (tmp_path / "train/cat").mkdir()
    (tmp_path / "train/notes.txt").touch()
    shutil.copy(tmp_path / "train/ant/0003.png", tmp_path / "val/ant/copy.png")
    shutil.copy(tmp_path / "train/ant/0004.png", tmp_path / "train/bee/copy.png")
    for number in range(2):
        (tmp_path / f"train/bee/{number}.png").write_bytes(b"nothing")
    found = told(tmp_path)
    assert found["train"]["images"] == 15 and found["val"]["images"] == 3
    assert found["train"]["left_out"] == {".txt": 1} and found["train"]["empty_classes"] == ["cat"]
    assert [each["image"] for each in found["train"]["broken"]] == ["train/bee/0.png", "train/bee/1.png"]
    assert (found["in_train_and_val"], found["under_two_classes"]) == (1, 1)
    text = describe(found)
    for part in (
        "15 images, 3 more for evaluation", "looked at   all", "PNG RGB", "1 .txt", "32 wide, 32 high; aspect 1",
        "uint8",
        "2: train/bee/0.png: UnidentifiedImageError: 7 bytes", "2 exact, 0 look like",
        "2: 6 images (bee) to 9 (ant), 1.5 times as many", "in training and in evaluation: 1",
        "folders of two classes: 1", "no classes: cat", "more than 10% of the images are broken",
    ):  # fmt: skip
        assert part in text, f"{part!r} is not in\n{text}"


def test_good_data_has_no_notes(tmp_path: Path) -> None:
    for label, name in enumerate(("ant", "bee")):
        write_pictures(tmp_path / name, 4, 10 * label)
    text = describe(told(tmp_path))
    assert "note:" not in text and "broken      none" in text and "duplicates  none" in text
    assert "2, 4 images each" in text


def test_long_images_and_bands(tmp_path: Path) -> None:
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", smooth_noise(number, (16, 40 + number), 5))
    found = told(tmp_path)
    assert found["reading"]["channels"] == 5 and found["reading"]["value_range"] == [0, 1]
    text = describe(found)
    assert "40 to 42 (median 41) wide, 16 high" in text and "channels    5" in text and "rectangles" in text
    assert "classes     none" in text
