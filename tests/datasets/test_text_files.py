"""Lists that come from a spreadsheet, from Windows or from an editor with another encoding."""

from __future__ import annotations

import json
import os

import pytest

from mmmim.datasets import Flowers102, ImageFolder, ImageList, INaturalist
from mmmim.datasets.text_files import as_path, path_and_label
from mmmim.errors import UsageError

PLAIN = "a b.png 1\nsub/c.png 0\n"


@pytest.fixture
def folder(tmp_path, picture):
    picture(tmp_path / "a b.png", 10), picture(tmp_path / "sub" / "c.png", 20)
    return tmp_path


@pytest.mark.parametrize(
    "content",
    {
        "plain": PLAIN.encode(),
        "byte order mark": PLAIN.encode("utf-8-sig"),
        "line ends of Windows": PLAIN.replace("\n", "\r\n").encode("utf-8-sig"),
        "line ends of old Macs": PLAIN.replace("\n", "\r").encode(),
        "UTF-16, little endian": b"\xff\xfe" + PLAIN.encode("utf-16-le"),
        "UTF-16, big endian": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        "comma": b"a b.png,1\nsub/c.png,0\n",
        "comma and space": b"a b.png, 1\nsub/c.png, 0\n",
        "semicolon": b"a b.png;1\nsub/c.png;0\n",
        "tab": b"a b.png\t1\nsub/c.png\t0\n",
        "quoted": b'"a b.png",1\n"sub/c.png",0\n',
        "single quotes": b"'a b.png' 1\n'sub/c.png' 0\n",
        "backslashes": b"a b.png 1\nsub\\c.png 0\n",
    }.items(),
    ids=lambda item: item[0],
)
def test_lists_of_any_origin_are_read(folder, content):
    (folder / "list").write_bytes(content[1])
    data = ImageList(str(folder), str(folder / "list"))
    assert [(data[i]["labels"], int(data[i]["inputs"][0, 0, 0])) for i in range(len(data))] == [(1, 10), (0, 20)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a b.png 1\n\xe4.png 0\n", r"line 2: not in UTF-8; save it as UTF-8.*iconv"),
        (PLAIN.encode("utf-16-le"), "line 1: holds NUL characters"),
        (b"\xff\xfea", "line 1: not in UTF-16"),
        (
            b"path,label\na b.png,1\n",
            r"labels in 1 of 2 lines; line 1 has no integer label: 'path,label'.*put # before",
        ),
        (
            b"# mine\n\na b.png,one\nsub/c.png,two\n",
            r"none of 2 pictures looked for exists: line 3, 'a b.png,one', stands for",
        ),
        (b"a b.png,1,2\n", r"none of 1 pictures looked for exists: line 1"),
        (b"a b.png 1\nsub/c.png -2\n", r"label -2 in line 2"),
        (b"\xef\xbb\xbf\r\n", "names no image"),
    ],
)
def test_other_lists_are_refused_by_file_and_line(folder, content, expected):
    (folder / "list").write_bytes(content)
    with pytest.raises(UsageError, match=rf"(?s)'{folder}/list'.*{expected}"):
        ImageList(str(folder), str(folder / "list"))


def test_a_missing_picture_is_told_and_counts_as_unreadable(folder, monkeypatch):
    told = []
    monkeypatch.setattr("mmmim.datasets.image_list.print_log", lambda text, **_: told.append(text))
    (folder / "list").write_text("a b.png\nno.png\n", encoding="utf-8")
    data = ImageList(str(folder), str(folder / "list"))
    assert "1 of 2 pictures looked for are missing" in told[0] and "line 2, 'no.png'" in told[0]
    assert data[1]["indices"] == 0 and data.bad_files == [str(folder / "no.png")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a 1 b.png 0", ("a 1 b.png", 0)),
        ("a,b.png", ("a,b.png", None)),
        ('"a ""b"".png";3', ('a "b".png', 3)),
        ("a.png\t-1", ("a.png", -1)),
        ("it's.png 2", ("it's.png", 2)),
        ("7", ("7", None)),
    ],
)
def test_path_and_label(line, expected):
    assert path_and_label(line) == expected


def test_a_subset_is_read_alike(folder):
    (folder / "list").write_bytes(b'\xef\xbb\xbf"a b.png"\r\nsub\\c.png\r\n')
    assert len(ImageFolder(str(folder), list_file=str(folder / "list"))) == 2
    (folder / "list").write_bytes(b"a b.png\nno.png\n")
    with pytest.raises(UsageError, match=r"1 of 2 names .*\['no.png'\], the first in line 2"):
        ImageFolder(str(folder), list_file=str(folder / "list"))
    (folder / "list").write_bytes(b"\xe4.png\n")
    with pytest.raises(UsageError, match="line 1: not in UTF-8"):
        ImageFolder(str(folder), list_file=str(folder / "list"))


def test_annotations_are_read_alike(folder):
    content = dict(
        images=[dict(id=3, file_name="sub/c.png")],
        annotations=[dict(image_id=3, category_id=5)],
        categories=[dict(id=5, name="ß")],
    )
    file = folder / "val.json"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
        assert INaturalist(str(folder), str(file)).classes == ("ß",)
    file.write_bytes(b'{"images":\n[')
    with pytest.raises(UsageError, match=r"val.json', line 2: no JSON"):
        INaturalist(str(folder), str(file))
    file.write_bytes(b"[]")
    with pytest.raises(ValueError, match="has no images and no annotations"):
        INaturalist(str(folder), str(file))
    (folder / "imagelabels.mat").write_bytes(b"<html>")
    with pytest.raises(UsageError, match=r"imagelabels.mat' is no .mat file.*get imagelabels.mat from https"):
        Flowers102(str(folder))


def test_names_are_spelled_as_the_locale_spells_file_names() -> None:
    """In the locale C a name with other letters is one of escaped bytes, as a listing of the folder gives it."""
    assert as_path("ü/ß.png") == os.fsdecode("ü/ß.png".encode())
