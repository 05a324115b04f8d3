from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from mmengine.config import Config

from mmmim.datasets import ImageFolder, ToyImages, use_folder


@pytest.fixture
def folder(tmp_path, picture):
    """Classes of 30, 12 and 1 images with the names of ImageNet."""
    for name, count in (("n01", 30), ("n02", 12), ("n03", 1)):
        for i in range(count):
            picture(tmp_path / "images" / name / f"{name}_{i}.png", i)
    return tmp_path / "images"


def kept(folder, **options) -> set[str]:
    return set(ImageFolder(str(folder), labelled=True, **options).paths)


@pytest.mark.parametrize(
    ("keep", "counts"), [(0.01, [1, 1, 1]), (0.1, [3, 1, 1]), (0.5, [15, 6, 1]), (1.0, [30, 12, 1])]
)
def test_share_of_every_class_and_at_least_one_image(folder, keep, counts):
    data = ImageFolder(str(folder), keep=keep)
    assert np.bincount(data.labels).tolist() == counts
    assert data.classes == ("n01", "n02", "n03")
    for i in range(len(data)):
        assert data.paths[i].startswith(data.classes[data[i]["labels"]])


def test_a_seed_decides_and_smaller_shares_lie_within_larger_ones(folder, tmp_path):
    few, more = kept(folder, keep=0.1), kept(folder, keep=0.5)
    assert few < more and kept(folder, keep=0.1) == few
    others = [kept(folder, keep=0.1, keep_seed=seed) for seed in range(1, 6)]
    assert len({frozenset(each) for each in [few, *others]}) == 6
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert kept(moved, keep=0.1) == few


@pytest.mark.parametrize("keep", [0, -0.1, 1.5])
def test_impossible_share(folder, keep):
    with pytest.raises(ValueError, match=rf"keep={keep}: a share of each class"):
        ImageFolder(str(folder), keep=keep)


def test_list_of_file_names_as_simclr_has_them(folder, tmp_path):
    listing = tmp_path / "1percent.txt"
    listing.write_text("n02_3.png\nn01_11.png\n\nn01/n01_4.png\n", encoding="utf-8")
    data = ImageFolder(str(folder), list_file=str(listing))
    assert list(data.paths) == ["n01/n01_11.png", "n01/n01_4.png", "n02/n02_3.png"]
    assert data.labels.tolist() == [0, 0, 1] and len(data.classes) == 3


def test_list_errors(folder, tmp_path, picture):
    listing = tmp_path / "list.txt"
    with pytest.raises(FileNotFoundError, match="list_file: no such file"):
        ImageFolder(str(folder), list_file=str(listing))
    listing.write_text("n01_1.png\nn09_1.png\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"list_file: 1 of 2 names .* no image of the folder, e\.g\. \['n09_1.png'\]"):
        ImageFolder(str(folder), list_file=str(listing))
    picture(folder / "n02" / "n01_1.png")
    listing.write_text("n01_1.png\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"1 names .* stand for 2 images.*by their path below root"):
        ImageFolder(str(folder), list_file=str(listing))


def test_subset_list_and_share_follow_one_another(folder, tmp_path):
    train = kept(folder, subset="train")
    listing = tmp_path / "list.txt"
    listing.write_text("".join(f"n01_{i}.png\n" for i in range(20)), encoding="utf-8")
    both = kept(folder, subset="train", list_file=str(listing))
    assert both == {path for path in train if path in {f"n01/n01_{i}.png" for i in range(20)}}
    assert not both & kept(folder, subset="holdout")
    assert len(kept(folder, subset="train", list_file=str(listing), keep=0.5)) == round(0.5 * len(both))


def test_data_option_keeps_the_share_of_the_training_images(folder):
    dataset = dict(type="ImageFolder", root="x", labelled=True)
    cfg = Config(
        dict(
            model=dict(type="ImageClassifier", head=dict(num_classes=9)),
            train_dataloader=dict(dataset=dict(dataset, keep=0.1)),
            val_dataloader=dict(dataset=dataset),
        )
    )
    cfg = use_folder(cfg, str(folder))
    assert cfg.train_dataloader.dataset.keep == 0.1 and "keep" not in cfg.val_dataloader.dataset
    assert cfg.model.head.num_classes == 3


def test_data_option_counts_what_is_left(folder):
    loader = dict(batch_size=6, drop_last=True, dataset=dict(type="ImageFolder", root="x", keep=0.1))
    val = dict(dataset=dict(type="ImageFolder", root="x"))
    model = dict(type="ImageClassifier", head=dict(num_classes=9))
    with pytest.raises(ValueError, match="has 5 training images, fewer than one batch of 6"):
        use_folder(Config(dict(model=model, train_dataloader=loader, val_dataloader=val)), str(folder))
    use_folder(Config(dict(model=model, train_dataloader=dict(loader, batch_size=5), val_dataloader=val)), str(folder))


@pytest.mark.parametrize(("keep", "each"), [(0.1, 13), (0.01, 1), (1e-4, 1), (1.0, 128)])
def test_share_of_the_built_in_pictures(keep, each):
    data = ToyImages(num_images=1024, keep=keep)
    assert len(data) == 8 * each
    assert np.bincount([data.label(i) for i in range(len(data))]).tolist() == [each] * 8
    assert data[5]["inputs"].equal(ToyImages(num_images=1024)[5]["inputs"])
    with pytest.raises(ValueError, match="keep=0: a share"):
        ToyImages(keep=0)


# ---------------------------------------------------------------- empty class folders


def test_empty_class_folders_are_named(folder):
    os.mkdir(folder / "n04")
    (folder / "n05").mkdir()
    (folder / "n05" / "notes.txt").write_text("no image", encoding="utf-8")
    (folder / ".cache").mkdir()
    with pytest.raises(ValueError, match=r"2 of 5 class folders of .* hold no image: n04, n05; add their images"):
        ImageFolder(str(folder), labelled=True)
    assert len(ImageFolder(str(folder), labelled=False)) == 43  # no classes, nothing missing
    assert len(ImageFolder(str(folder), labelled=True, classes=["n01", "n02", "n03", "n04"]).classes) == 4


def test_data_option_refuses_them_for_classifiers_only(folder):
    os.mkdir(folder / "n04")
    dataset = dict(type="ToyImages")
    loaders = dict(train_dataloader=dict(dataset=dataset), val_dataloader=dict(dataset=dataset))
    classify = Config(dict(model=dict(type="mmmim.ImageClassifier", head=dict(num_classes=8)), **loaders))
    with pytest.raises(ValueError, match="hold no image: n04"):
        use_folder(classify, str(folder))
    use_folder(Config(dict(model=dict(type="CCMIM"), **loaders)), str(folder))
