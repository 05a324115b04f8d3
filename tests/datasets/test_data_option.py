from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS
from torch import nn

from mmmim.datasets import use_folder
from mmmim.datasets.data_option import as_folders
from mmmim.errors import UsageError
from mmmim.launch.options import load_config

ROOT = Path(__file__).parents[2]

CROP = [dict(type="RandomResizedCrop", size=8)]
FIXED = [dict(type="Resize", size=[8, 8])]


def _loader(transforms, **kwargs):
    return dict(
        batch_size=4, num_workers=0, dataset=dict(type="ToyImages", num_images=9, transforms=transforms), **kwargs
    )


@pytest.fixture
def pretrain():
    knn = dict(type="KNNHook", train_dataloader=_loader(FIXED), test_dataloader=_loader(FIXED))
    return Config(
        dict(
            model=dict(type="MaskedImageModel", head=dict(type="BeitHead", num_classes=8192)),
            train_dataloader=_loader(CROP, drop_last=True),
            custom_hooks=[dict(type="StepSeedHook"), knn],
        )
    )


@pytest.fixture
def classify():
    return Config(
        dict(
            model=dict(
                type="mmmim.ImageClassifier",
                head=dict(type="LinearClsHead", num_classes=1000),
                data_preprocessor=dict(batch_augment=dict(type="ClsBatchAugment", num_classes=1000)),
            ),
            train_dataloader=_loader(CROP),
            val_dataloader=_loader(FIXED),
            test_dataloader=_loader(FIXED),
        )
    )


@pytest.fixture
def split_folder(class_folder):
    """train/ with three classes, val/ with two of them."""
    for split in ("train", "val"):
        shutil.copytree(class_folder, class_folder.parent / "split" / split)
    shutil.rmtree(class_folder.parent / "split" / "val" / "bee")
    return class_folder.parent / "split"


def _build(config):
    return DATASETS.build(dict(config, type=f"mmmim.{config['type']}"))


def test_pretraining_uses_all_images_and_knn_divides_them(pretrain, class_folder):
    cfg = use_folder(pretrain, str(class_folder))
    assert len(_build(cfg.train_dataloader.dataset)) == 36
    bank, queries = (_build(cfg.custom_hooks[1][f"{s}_dataloader"].dataset) for s in ("train", "test"))
    assert len(bank) == 33 and len(queries) == 3
    assert not {bank.name(i) for i in range(33)} & {queries.name(i) for i in range(3)}


def test_transforms_and_the_given_config_are_kept(pretrain, class_folder):
    cfg = use_folder(pretrain, str(class_folder))
    assert cfg.train_dataloader.dataset.transforms == CROP
    assert cfg.custom_hooks[1].test_dataloader.dataset.transforms == FIXED
    assert pretrain.train_dataloader.dataset.type == "ToyImages"
    assert cfg.model.head.num_classes == 8192


@pytest.mark.parametrize(
    ("size", "shape"), [({}, (64, 64)), (dict(img_size=16), (16, 16)), (dict(img_size=(16, 24)), (16, 24))]
)
def test_images_get_the_size_of_built_in_pictures_that_had_no_transforms(pretrain, class_folder, size, shape):
    hook = pretrain.custom_hooks[1]
    for loader in (hook.train_dataloader, hook.test_dataloader):
        loader.dataset = dict(type="ToyImages", num_images=9, **size)
    for cfg in (use_folder(pretrain, str(class_folder)), use_folder(as_folders(pretrain), str(class_folder))):
        images = _build(cfg.custom_hooks[1].test_dataloader.dataset)
        assert images[0]["inputs"].shape == (3, *shape)


def test_train_and_val_folders(classify, split_folder):
    cfg = use_folder(classify, str(split_folder))
    train, val, test = (_build(cfg[f"{s}_dataloader"].dataset) for s in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (36, 24, 24)
    assert val.classes == train.classes == ("ant", "bee", "cat")
    assert sorted(set(val.labels.tolist())) == [0, 2]


@pytest.mark.parametrize("name", ["validation", "valid", "test"])
def test_other_names_of_the_val_folder(classify, split_folder, name):
    (split_folder / "val").rename(split_folder / name)
    cfg = use_folder(classify, str(split_folder))
    assert cfg.val_dataloader.dataset.root == str(split_folder / name)


def test_train_folder_alone_is_divided(classify, split_folder):
    shutil.rmtree(split_folder / "val")
    cfg = use_folder(classify, str(split_folder))
    train, val = (_build(cfg[f"{s}_dataloader"].dataset) for s in ("train", "val"))
    assert (len(train), len(val)) == (33, 3) and train.classes == ("ant", "bee", "cat")


def test_classifier_gets_the_number_of_classes_and_a_holdout(classify, class_folder):
    cfg = use_folder(classify, str(class_folder))
    assert cfg.model.head.num_classes == 3
    assert cfg.model.data_preprocessor.batch_augment.num_classes == 3
    train, val = (_build(cfg[f"{s}_dataloader"].dataset) for s in ("train", "val"))
    assert (len(train), len(val)) == (33, 3)


def test_unlabelled_images_pretrain_without_the_knn_hook(pretrain, tmp_path, picture, monkeypatch):
    warnings = []
    monkeypatch.setattr("mmmim.datasets.data_option.print_log", lambda text, **_: warnings.append(text))
    for i in range(6):
        picture(tmp_path / "photos" / f"{i}.png")
    cfg = use_folder(pretrain, str(tmp_path / "photos"))
    data = _build(cfg.train_dataloader.dataset)
    assert len(data) == 6 and data[0]["labels"] == -1
    assert [hook.type for hook in cfg.custom_hooks] == ["StepSeedHook"]
    assert warnings == ["--data: no class folders, so without KNNHook"]


def test_options_of_a_folder_are_taken_and_reach_evaluation(tmp_path, class_folder):
    for path in class_folder.rglob("*.png"):
        path.rename(path.with_suffix(".scan"))
    config = str(ROOT / "configs/ccmim/downstream/linear_vit-tiny_toy.py")
    options = {"train_dataloader.dataset.extensions": [".scan"], "train_dataloader.dataset.value_range": [0, 100]}
    options["train_dataloader.batch_size"] = 4
    cfg = use_folder(load_config(config, options, str(tmp_path), own_images=True), str(class_folder))
    for loader in ("train_dataloader", "val_dataloader"):
        assert cfg[loader].dataset.extensions == [".scan"] and cfg[loader].dataset.value_range == [0, 100]
    assert len(_build(cfg.val_dataloader.dataset)) == 3
    with pytest.raises(UsageError, match=r"has no key 'num_image' \(with --data the dataset is an ImageFolder\)"):
        load_config(config, {"train_dataloader.dataset.num_image": 3}, str(tmp_path), own_images=True)


def test_channels_are_kept(pretrain, tmp_path, picture):
    for i in range(4):
        picture(tmp_path / "photos" / f"{i}.png")
    pretrain.train_dataloader.dataset.channels = 1
    pretrain.custom_hooks = []
    assert _build(use_folder(pretrain, str(tmp_path / "photos")).train_dataloader.dataset)[0]["inputs"].shape[0] == 1


def test_classifier_without_classes(classify, tmp_path, picture):
    picture(tmp_path / "photos" / "1.png")
    with pytest.raises(ValueError, match=r"ImageClassifier needs one sub-folder per class.*images outside of any"):
        use_folder(classify, str(tmp_path / "photos"))


def test_dense_config(class_folder):
    cfg = Config(dict(model=dict(type="EncoderDecoder"), train_dataloader=dict(dataset=dict(type="ADE20KDataset"))))
    with pytest.raises(ValueError, match=r"no image-folder dataset to replace.*train_dataloader.dataset.data_root=DIR"):
        use_folder(cfg, str(class_folder))


def test_missing_and_empty_folder(pretrain, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'/no/such' does not exist.*--data DIR"):
        use_folder(pretrain, "/no/such")
    with pytest.raises(FileNotFoundError, match=r"no image below"):
        use_folder(pretrain, str(tmp_path))


def test_fewer_images_than_a_batch(pretrain, tmp_path, picture):
    picture(tmp_path / "photos" / "1.png")
    with pytest.raises(
        ValueError, match=r"has 1 training images, fewer than one batch of 4; .*train_dataloader.batch_size=1"
    ):
        use_folder(pretrain, str(tmp_path / "photos"))


def test_a_classifier_is_one_by_its_class_not_by_its_name() -> None:
    from mmmim.datasets.data_option import is_classifier
    from mmmim.models.classifiers import ImageClassifier
    from mmmim.registry import MODELS

    class Labelled(ImageClassifier):
        pass

    class NoClassifierAtAll(nn.Module):
        pass

    for built in (Labelled, NoClassifierAtAll):
        MODELS.register_module(module=built)
    try:
        found = [
            is_classifier(Config(dict(model=dict(type=kind))))
            for kind in (
                "ImageClassifier",
                "mmmim.ImageClassifier",
                "Labelled",
                Labelled,
                "NoClassifierAtAll",
                "Unknown",
            )
        ]
    finally:
        for built in (Labelled, NoClassifierAtAll):
            MODELS.module_dict.pop(built.__name__)
    assert found == [True, True, True, True, False, False]
