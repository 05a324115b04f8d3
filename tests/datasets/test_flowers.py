from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from mmmim.datasets import Flowers102


@pytest.fixture
def layout(tmp_path, picture):
    """Eight images; ``write(labels=..., trnid=...)`` writes the ``.mat`` files as the official ones are."""
    root = tmp_path / "flowers"
    for number in range(1, 9):
        picture(root / "jpg" / f"image_{number:05d}.jpg", 10 * number)

    def write(labels=(77, 77, 1, 102, 5, 5, 9, 3), trnid=(6, 3), valid=(1,), tstid=(8, 4, 2)):
        savemat(root / "imagelabels.mat", dict(labels=np.array([labels], np.uint8)))
        ids = dict(trnid=trnid, valid=valid, tstid=tstid)
        savemat(root / "setid.mat", {name: np.array([value], np.uint16) for name, value in ids.items()})
        return root

    return write


def test_training_takes_both_official_parts(layout):
    data = Flowers102(str(layout()), "train")
    samples = [data[i] for i in range(3)]
    assert [sample["labels"] for sample in samples] == [4, 0, 76]
    assert [round(float(sample["inputs"].float().mean()), -1) for sample in samples] == [60, 30, 10]
    assert len(data.classes) == 102
    test = Flowers102(str(layout()), "test")
    assert test.labels.tolist() == [2, 101, 76] and test.name(0).endswith("jpg/image_00008.jpg")


def test_official_sizes(layout):
    order = np.random.default_rng(0).permutation(8189) + 1
    labels = np.arange(8189) % 102 + 1
    root = layout(labels, order[:1020], order[1020:2040], order[2040:])
    assert len(Flowers102(str(root))) == 2040 and len(Flowers102(str(root), "test")) == 6149


def test_broken_image_is_replaced(layout):
    data = Flowers102(str(layout()))
    open(data.name(0), "wb").close()
    assert data[0]["labels"] == 0 and data.bad_files == [data.name(0)]


@pytest.mark.parametrize("name", ["imagelabels.mat", "setid.mat"])
def test_missing_file_says_where_it_comes_from(layout, name):
    root = layout()
    (root / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"no such file: .*{name}.*https://www.robots.ox.ac.uk/.*/{name}"):
        Flowers102(str(root))


def test_missing_folders(layout, tmp_path):
    with pytest.raises(FileNotFoundError, match="'no/such' does not exist"):
        Flowers102("no/such")
    root = layout()
    (root / "jpg").rename(root / "jpeg")
    with pytest.raises(FileNotFoundError, match=r"has no folder 'jpg'; unpack 102flowers.tgz"):
        Flowers102(str(root))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(labels=(77, 77, 103, 2, 5, 5, 9, 3)), r"has label 103; labels are 1\.\.102"),
        (dict(labels=(77, 77, 0, 2, 5, 5, 9, 3)), r"has label 0; labels are 1\.\.102"),
        (dict(trnid=(6, 9)), r"has image id 9, but imagelabels.mat has labels of images 1\.\.8"),
    ],
)
def test_values_out_of_range(layout, changes, message):
    with pytest.raises(ValueError, match=message):
        Flowers102(str(layout(**changes)))


def test_foreign_mat_file_and_unknown_split(layout):
    root = layout()
    savemat(root / "setid.mat", dict(ids=np.arange(3)))
    with pytest.raises(ValueError, match="has no variable 'trnid'"):
        Flowers102(str(root))
    with pytest.raises(ValueError, match="split='val' is unknown"):
        Flowers102(str(root), "val")
