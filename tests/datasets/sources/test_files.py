from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.datasets.sources import open_list, open_source
from mmmim.datasets.sources.files import SeparateFiles


@pytest.fixture(params=["folder", "list"])
def source(request: pytest.FixtureRequest, class_folder: Path, tmp_path: Path) -> SeparateFiles:
    """The images of a folder, by the folder itself or by a list of its files."""
    if request.param == "folder":
        return open_source(str(class_folder))
    names = [path.relative_to(class_folder).as_posix() for path in sorted(class_folder.glob("*/*.png"))]
    (tmp_path / "list.txt").write_text("\n".join(names), encoding="utf-8")
    return open_list(str(tmp_path / "list.txt"), str(class_folder))


def test_an_image_is_the_file_of_its_name(source: SeparateFiles, class_folder: Path) -> None:
    assert isinstance(source, SeparateFiles) and source.name(13) == str(class_folder / "bee/01.png")
    assert source.read(13) == (class_folder / "bee/01.png").read_bytes()


def test_a_file_that_is_gone(source: SeparateFiles, class_folder: Path) -> None:
    before = source.stamp()
    assert source.has(13) and before is not None
    (class_folder / "bee/01.png").unlink()
    assert not source.has(13) and source.stamp() is None
    with pytest.raises(FileNotFoundError):
        source.read(13)


def test_the_stamp_follows_the_content(source: SeparateFiles, class_folder: Path) -> None:
    before = source.stamp()
    (class_folder / "bee/01.png").write_bytes(b"other")
    assert source.stamp() != before
