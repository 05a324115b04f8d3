import pytest
import torch
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.evaluation.splits import labelled_splits, training_images, watched_splits

pytestmark = pytest.mark.usefixtures("scope")


def test_toy_splits_are_disjoint_unaugmented_and_balanced(pretrain_config):
    train, test = labelled_splits(Config.fromfile(pretrain_config), num_test=32)
    assert (len(train), len(test)) == (160, 32)
    assert not torch.equal(train[0]["inputs"], test[0]["inputs"])
    assert torch.equal(train[0]["inputs"], torch.as_tensor(train._pixels(0)).permute(2, 0, 1))
    assert {test[i]["labels"] for i in range(32)} == set(range(len(train.classes)))


def test_a_folder_replaces_the_toy_data(pretrain_config, class_folder):
    cfg = Config.fromfile(pretrain_config)
    train, test = labelled_splits(cfg, str(class_folder))
    assert (len(train), len(test)) == (8, 8) and tuple(train.classes) == ("ant", "bee")
    assert train[0]["inputs"].shape == (3, 32, 32)
    train, test = labelled_splits(cfg, str(class_folder / "train"))  # no train/ and val/: a part is held out
    assert len(train) + len(test) == 8
    assert {train.name(i) for i in range(len(train))}.isdisjoint(test.name(i) for i in range(len(test)))


def test_the_folder_of_the_config_is_found_again(pretrain_config, class_folder):
    cfg = Config.fromfile(pretrain_config)
    cfg.train_dataloader.dataset = dict(type="ImageFolder", root=f"{class_folder}/train/", transforms=[])
    train, test = labelled_splits(cfg)
    assert (len(train), len(test)) == (8, 8)
    assert "train" in train.name(0) and "val" in test.name(0)


def test_a_share_of_the_training_images_leaves_the_test_set_whole(pretrain_config, class_folder):
    cfg = Config.fromfile(pretrain_config)
    whole = labelled_splits(cfg, str(class_folder / "train"))
    cfg.train_dataloader.dataset = dict(type="ImageFolder", root="", keep=0.3, transforms=[])
    train, test = labelled_splits(cfg, str(class_folder / "train"))
    assert len(train) == 2 < len(whole[0]) and len(test) == len(whole[1])


def test_a_folder_without_classes_is_refused(pretrain_config, class_folder):
    with pytest.raises(UsageError, match="has no labels; k-NN and probes need one sub-folder per class"):
        labelled_splits(Config.fromfile(pretrain_config), str(class_folder / "train" / "ant"))


def test_watched_pictures_are_like_those_of_the_training(pretrain_config):
    cfg = Config.fromfile(pretrain_config)
    cfg.train_dataloader.dataset.num_classes = 4
    bank, queries = watched_splits(cfg, "toy", (40, 12))
    assert (len(bank), len(queries)) == (40, 12) and len(bank.classes) == 4
    assert bank[0]["inputs"].shape == queries[0]["inputs"].shape == (3, 32, 32)
    assert not torch.equal(bank[0]["inputs"], queries[0]["inputs"])


def test_watched_images_of_a_folder_are_read_as_the_training_images(pretrain_config, class_folder):
    cfg = Config.fromfile(pretrain_config)
    cfg.train_dataloader.dataset = dict(type="ImageFolder", root="elsewhere", channels=1, transforms=[])
    bank, queries = watched_splits(cfg, str(class_folder), (3, 2))
    assert (len(bank), len(queries)) == (8, 8) and bank[0]["inputs"].shape == (1, 32, 32)
    toys, _ = watched_splits(cfg, "toy", (3, 2))
    assert toys[0]["inputs"].shape == (1, 32, 32) and toys.size == (64, 64)


def test_training_images_are_not_augmented(pretrain_config):
    cfg = Config.fromfile(pretrain_config)
    images, plain = training_images(cfg), labelled_splits(cfg)[0]
    assert len(images) == 160 and torch.equal(images[3]["inputs"], plain[3]["inputs"])
    assert training_images(cfg, (16, 24))[0]["inputs"].shape == (3, 16, 24)
