from __future__ import annotations

import json
import re

import pytest

from mmmim.datasets import INaturalist

FILES = {10: "Aves/3/a.jpg", 11: "Plantae/0/b.jpg", 12: "Aves/3/c.jpg", 13: "Aves/7/d.jpg"}


@pytest.fixture
def layout(tmp_path, picture):
    """Four images in the layout of 2018; ``write(**changes)`` replaces parts of the annotation file."""
    root = tmp_path / "inat"
    for value, (_, name) in enumerate(FILES.items()):
        picture(root / "train_val2018" / name, 30 * value)
    content = dict(
        info={},
        images=[dict(id=i, file_name=f"train_val2018/{name}", width=20, height=16) for i, name in FILES.items()],
        annotations=[dict(image_id=i, category_id=int(FILES[i].split("/")[1])) for i in (12, 10, 13, 11)],
        categories=[dict(id=7, name="heron"), dict(id=0, name="fern"), dict(id=3, name="crow")],
    )

    def write(**changes):
        path = root / "train2018.json"
        path.write_text(json.dumps(dict(content, **changes)), encoding="utf-8")
        return dict(root=str(root), ann_file=str(path))

    return write


def test_labels_follow_the_category_ids_and_images_their_names(layout):
    data = INaturalist(**layout())
    assert data.metainfo == dict(classes=("fern", "crow", "heron"))
    samples = [data[i] for i in range(4)]
    assert [sample["labels"] for sample in samples] == [1, 0, 1, 2]
    assert [round(float(sample["inputs"].float().mean()), -1) for sample in samples] == [0, 30, 60, 90]
    assert samples[2]["indices"] == 2 and samples[2]["inputs"].shape == (3, 16, 20)
    assert data.name(1).endswith("inat/train_val2018/Plantae/0/b.jpg")


@pytest.mark.parametrize(("year", "classes"), [(2018, 8142), (2019, 1010)])
def test_official_ids_are_the_labels(layout, year, classes):
    last = dict(id=0, image_id=13, category_id=classes - 1)
    others = [dict(id=n, image_id=i, category_id=n) for n, i in enumerate([10, 11, 12])]
    names = [dict(id=k, name=str(k)) for k in range(classes)]
    data = INaturalist(**layout(annotations=[last, *others], categories=names))
    assert data.labels.tolist() == [0, 1, 2, classes - 1] and len(data.classes) == classes


def test_an_unreadable_image_is_replaced_and_counted(layout):
    arguments = layout()
    data = INaturalist(**arguments)
    open(data.name(1), "wb").close()
    assert (data[1]["labels"], data[1]["indices"]) == (1, 2)
    assert data.bad_files == [data.name(1)]


def test_missing_annotation_file_says_where_it_comes_from(tmp_path):
    path = str(tmp_path / "val2019.json")
    with pytest.raises(FileNotFoundError, match=rf"{re.escape(path)}.*val2019.json.tar.gz of https://github.com/visip"):
        INaturalist(str(tmp_path), path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict(annotations=[dict(image_id=99, category_id=0)]),
            "has an annotation of image id 99, but no such image",
        ),
        (
            dict(annotations=[dict(image_id=10, category_id=8142)]),
            r"image 10 of .* has category 8142, which is none of its 3 categories 0\.\.7",
        ),
        (
            dict(annotations=[dict(image_id=10, category_id=0)]),
            "3 images of .* have no annotation, e.g. 'train_val2018/Plantae/0/b.jpg'",
        ),
        (dict(annotations=[], categories=[]), "has no annotations and no categories; use a train or val file"),
    ],
)
def test_annotations_that_do_not_fit(layout, changes, message):
    with pytest.raises(ValueError, match=message):
        INaturalist(**layout(**changes))


def test_missing_images(layout, tmp_path):
    arguments = layout()
    with pytest.raises(FileNotFoundError, match="root: image folder 'no/such' does not exist"):
        INaturalist("no/such", arguments["ann_file"])
    with pytest.raises(FileNotFoundError, match=r"has no 'train_val2018'.*unpack train_val2018.tar.gz of https"):
        INaturalist(f"{arguments['root']}/train_val2018", arguments["ann_file"])
