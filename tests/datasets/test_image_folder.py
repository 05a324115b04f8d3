from __future__ import annotations

import contextlib
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from mmmim.datasets import ImageFolder, ImageList
from mmmim.datasets.decode import image_extensions
from mmmim.errors import UsageError


def test_class_folders_are_labels_in_sorted_order(class_folder):
    data = ImageFolder(str(class_folder))
    assert data.metainfo == dict(classes=("ant", "bee", "cat"))
    assert [data[i]["labels"] for i in range(36)] == [0] * 12 + [1] * 12 + [2] * 12
    sample = data[13]
    assert sample["inputs"].shape == (3, 16, 20)
    assert (sample["inputs"] == 41).all() and sample["indices"] == 13


def test_nested_images_belong_to_the_outer_class(tmp_path, picture):
    for name in ("a/x/y/1.png", "a/2.JPG", "b/z/3.jpeg"):
        picture(tmp_path / name)
    data = ImageFolder(str(tmp_path))
    assert [os.path.relpath(data.name(i), tmp_path) for i in range(3)] == ["a/2.JPG", "a/x/y/1.png", "b/z/3.jpeg"]
    assert data.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("names", [("1.png", "2.png"), ("1.png", "a/2.png", "b/3.png"), ("a/1.png", "a/b/2.png")])
def test_unlabelled_folders(tmp_path, picture, names):
    for name in names:
        picture(tmp_path / name)
    data = ImageFolder(str(tmp_path))
    assert len(data) == len(names)
    assert {data[i]["labels"] for i in range(len(data))} == {-1}
    assert data.classes == ()


def test_missing_folder():
    with pytest.raises(FileNotFoundError, match=r"'no/such' does not exist.*--data DIR"):
        ImageFolder("no/such")


def test_file_in_place_of_a_folder(tmp_path, picture):
    with pytest.raises(FileNotFoundError, match=r"is a file, not a folder"):
        ImageFolder(str(picture(tmp_path / "1.png")))


def test_empty_folder_names_path_and_extensions(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=rf"no image below '{tmp_path}'; looked for .jpg, .jpeg.*dataset.extensions"
    ):
        ImageFolder(str(tmp_path))


def test_loose_image_among_classes(class_folder, picture):
    picture(class_folder / "loose.png")
    with pytest.raises(ValueError, match=r"labelled: .*'loose.png' lies in none; move it or set labelled=False"):
        ImageFolder(str(class_folder), labelled=True)


def test_given_classes_fix_the_labels(class_folder):
    shutil.rmtree(class_folder / "bee")
    data = ImageFolder(str(class_folder), classes=["ant", "bee", "cat"])
    assert sorted(set(data.labels.tolist())) == [0, 2]
    with pytest.raises(ValueError, match=r"none of the 2 classes: \['cat'\]"):
        ImageFolder(str(class_folder), classes=["ant", "bee"])


def test_holdout_divides_every_class(class_folder):
    parts = {s: ImageFolder(str(class_folder), subset=s, holdout=0.25) for s in ("train", "holdout")}
    names = {s: {d.name(i) for i in range(len(d))} for s, d in parts.items()}
    assert len(names["train"] | names["holdout"]) == 36 and not names["train"] & names["holdout"]
    assert np.bincount(parts["holdout"].labels).tolist() == [3, 3, 3]
    again = ImageFolder(str(class_folder), subset="holdout", holdout=0.25)
    assert {again.name(i) for i in range(9)} == names["holdout"]


def test_holdout_does_not_depend_on_where_the_folder_lies(class_folder, tmp_path):
    moved = shutil.copytree(class_folder, tmp_path / "elsewhere")
    here, there = (ImageFolder(str(f), subset="holdout") for f in (class_folder, moved))
    assert list(here.paths) == list(there.paths)


def test_unknown_subset(class_folder):
    with pytest.raises(ValueError, match=r"subset='hold-out' is unknown; did you mean 'holdout'"):
        ImageFolder(str(class_folder), subset="hold-out")


def test_list_file(tmp_path, picture):
    picture(tmp_path / "a b.png", 10), picture(tmp_path / "c.png", 20)
    (tmp_path / "list.txt").write_text("# path label\na b.png 4\n\nc.png 2\n", encoding="utf-8")
    data = ImageList(str(tmp_path), str(tmp_path / "list.txt"))
    assert [(data[i]["labels"], int(data[i]["inputs"][0, 0, 0])) for i in range(2)] == [(4, 10), (2, 20)]
    (tmp_path / "list.txt").write_text("a b.png\nc.png\n", encoding="utf-8")
    assert ImageList(str(tmp_path), str(tmp_path / "list.txt"))[0]["labels"] == -1


def test_every_format_that_pillow_decodes_is_read_and_the_rest_is_counted(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("mmmim.datasets.image_folder.print_log", lambda text, **_: told.append(text))
    Image.init()
    frame, saved = Image.new("RGB", (32, 24), (200, 100, 50)), set()
    for extension, name in Image.registered_extensions().items():
        with contextlib.suppress(Exception):  # Pillow may read a format that it cannot write
            frame.save(tmp_path / f"{name}{extension}")
            saved |= {extension} & set(image_extensions())
    newer = {".avif"} & set(Image.registered_extensions())  # since Pillow 11.3
    assert newer | {".jp2", ".tga", ".webp", ".png", ".tif", ".bmp"} <= saved
    assert not {".eps", ".pdf", ".mpg", ".h5"} & set(image_extensions())
    for name in ("a.txt", "b.TXT", "c", ".hidden"):
        (tmp_path / name).write_text("no image", encoding="utf-8")
    data = ImageFolder(str(tmp_path))
    assert {os.path.splitext(path)[1] for path in data.paths} == saved
    assert all(data[index]["indices"] == index for index in range(len(data))), data.bad_files
    assert "left out: 2 .txt" in told[0] and "1 (none)" in told[0] and "hidden" not in told[0]


def test_extensions_of_ones_own(tmp_path, picture):
    picture(tmp_path / "a.png").rename(tmp_path / "a.scan")
    picture(tmp_path / "b.png")
    for extensions in (".scan", "scan", [".SCAN"]):
        assert list(ImageFolder(str(tmp_path), extensions=extensions).paths) == ["a.scan"]
    with pytest.raises(UsageError, match=r"extensions=\[3\]: expected a list of file name endings"):
        ImageFolder(str(tmp_path), extensions=[3])
    (tmp_path / "b.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"there are 1 .scan; .*train_dataloader.dataset.extensions=\[.scan\]"):
        ImageFolder(str(tmp_path))
