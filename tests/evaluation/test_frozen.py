import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmmim.errors import UsageError
from mmmim.evaluation import cached_extraction, frozen
from mmmim.evaluation.feature_cache import FeatureCache
from mmmim.evaluation.frozen import FrozenEvaluation, labelled_splits, load_encoder
from mmmim.registry import MODELS


@pytest.fixture(autouse=True)
def scope():
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope("mmmim"):
        yield


@pytest.fixture
def class_folder(tmp_path):
    for split in ("train", "val"):
        for number, name in enumerate(("ant", "bee")):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for i in range(4):
                Image.new("RGB", (40, 48), (100 * number, 20 * i, 5)).save(folder / f"{i}.png")
    return tmp_path / "images"


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


def test_a_folder_without_classes_is_refused(pretrain_config, class_folder):
    with pytest.raises(UsageError, match="has no labels; k-NN and probes need one sub-folder per class"):
        labelled_splits(Config.fromfile(pretrain_config), str(class_folder / "train" / "ant"))


def test_features_are_those_of_the_checkpoint(pretrain_config, checkpoint):
    evaluation = FrozenEvaluation(Config.fromfile(pretrain_config), num_test=16)
    train, test = evaluation.features(checkpoint)
    model = MODELS.build(Config.fromfile(pretrain_config).model).eval()
    model.load_state_dict(torch.load(checkpoint)["state_dict"])
    images = torch.stack([evaluation.datasets[1][i]["inputs"] for i in range(16)])
    tokens = model.backbone(model.data_preprocessor(dict(inputs=images))["inputs"])[-1]
    torch.testing.assert_close(test.x, tokens[:, 1:].mean(1).detach(), rtol=1e-4, atol=1e-5)
    assert test.y.tolist() == [evaluation.datasets[1][i]["labels"] for i in range(16)]
    assert len(train.x) == 160


def test_untrained_encoders_depend_on_the_seed_alone(pretrain_config):
    evaluation = FrozenEvaluation(Config.fromfile(pretrain_config), num_test=8)
    first, again, other = (evaluation.features(seed=seed)[1].x for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.allclose(first, other)


def count_passes(monkeypatch):
    passes = []
    extract = cached_extraction.extract_all

    def counted(encoders, dataset, what, **options):
        passes.append((len(encoders.encoders), what))
        return extract(encoders, dataset, what, **options)

    monkeypatch.setattr(cached_extraction, "extract_all", counted)
    return passes


def test_expected_encoders_share_one_pass_and_give_the_same_features(pretrain_config, checkpoint, monkeypatch):
    cfg = Config.fromfile(pretrain_config)
    alone = FrozenEvaluation(cfg, num_test=16)
    expected = [alone.features(checkpoint), alone.features(seed=3), alone.features(seed=4)]
    passes = count_passes(monkeypatch)
    together = FrozenEvaluation(cfg, num_test=16)
    together.expect(None, (3, 4))
    found = [together.features(checkpoint), together.features(seed=3), together.features(seed=4)]
    assert passes == [(3, "training images"), (3, "test images")]
    for (train, test), (other_train, other_test) in zip(found, expected, strict=True):
        assert torch.equal(train.x, other_train.x) and torch.equal(test.x, other_test.x)
    assert torch.equal(together.features(seed=3)[1].x, expected[1][1].x)  # asked for again
    assert passes[2:] == [(1, "training images"), (1, "test images")]


def test_many_images_are_passed_once_for_each_encoder(pretrain_config, monkeypatch):
    monkeypatch.setattr(frozen, "MAX_ROWS", 2 * (160 + 16) - 1)
    passes = count_passes(monkeypatch)
    evaluation = FrozenEvaluation(Config.fromfile(pretrain_config), num_test=16)
    evaluation.expect(None, (0, 1))
    evaluation.features(seed=0), evaluation.features(seed=1)
    assert [number for number, _ in passes] == [1, 1, 1, 1]


def test_features_are_computed_once_for_each_encoder_set_and_pool(pretrain_config, checkpoint, tmp_path, monkeypatch):
    cfg = Config.fromfile(pretrain_config)
    passes = count_passes(monkeypatch)

    def evaluate(weights, seed=0, **options):
        passes.clear()
        evaluation = FrozenEvaluation(cfg, cache=FeatureCache(tmp_path / "kept"), **{"num_test": 16, **options})
        return evaluation.features(weights, seed)

    first = evaluate(checkpoint)
    assert len(passes) == 2
    again = evaluate(checkpoint)
    assert not passes and torch.equal(first[0].x, again[0].x) and torch.equal(first[1].y, again[1].y)
    evaluate(checkpoint, num_test=8)
    assert passes == [(1, "test images")]
    for changed in (dict(pool="cls"), dict(amp=True), dict(crop_ratio=0.5)):
        evaluate(checkpoint, **changed)
        assert len(passes) == 2
    evaluate(None)
    assert len(passes) == 2
    evaluate(None, seed=1)
    assert len(passes) == 2
    content = torch.load(checkpoint)
    content["state_dict"]["backbone.norm.bias"] += 0.1
    torch.save(content, checkpoint)
    changed, _ = evaluate(checkpoint)
    assert len(passes) == 2 and not torch.equal(changed.x, first[0].x)


def test_random_transforms_and_skipped_files_keep_nothing(classifier_config, class_folder, tmp_path):
    def evaluate():
        evaluation = FrozenEvaluation(classifier_config, cache=FeatureCache(tmp_path / "kept"))
        return len(evaluation.features()[0].x)

    (class_folder / "train" / "ant" / "2.png").write_bytes(b"broken")
    assert evaluate() == 7
    assert len(list((tmp_path / "kept").iterdir())) == 1  # the test images
    classifier_config.val_dataloader.dataset.transforms.append(dict(type="RandomHorizontalFlip"))
    assert evaluate() == 7
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.fixture
def classifier_config(pretrain_config, class_folder):
    """A probe with the encoder of the pre-training config, on folders of its own."""

    def loader(split, transforms):
        dataset = dict(type="ImageFolder", root=f"{class_folder}/{split}", labelled=True, transforms=transforms)
        return dict(batch_size=4, num_workers=0, dataset=dataset)

    cfg = Config.fromfile(pretrain_config)
    cfg.model = dict(
        type="ImageClassifier",
        backbone=dict(cfg.model.backbone, out_type="avg"),
        head=dict(type="LinearClsHead", num_classes=2, in_channels=32),
        data_preprocessor=cfg.model.data_preprocessor,
    )
    cfg.train_dataloader = loader("train", [dict(type="RandomResizedCrop", size=32)])
    cfg.val_dataloader = loader("val", [dict(type="Resize", size=[32, 32]), dict(type="CenterCrop", size=32)])
    return cfg


def test_a_classifiers_config_says_both_sets_and_their_transforms(classifier_config, class_folder):
    train, test = labelled_splits(classifier_config)
    assert "train" in train.name(0) and "val" in test.name(0) and (len(train), len(test)) == (8, 8)
    assert [type(t).__name__ for t in train.transforms] == ["Resize", "CenterCrop"]
    assert list(train.transforms[0].size) == [32, 32] == list(test.transforms[0].size)
    train, test = labelled_splits(classifier_config, crop_ratio=0.5)
    assert train.transforms[0].size == test.transforms[0].size == [64]
    classifier_config.train_dataloader.dataset.keep = 0.25  # low-shot k-NN
    assert len(labelled_splits(classifier_config)[0]) == 2
    held_out = labelled_splits(classifier_config, str(class_folder / "train"))
    assert held_out[1].transforms[0].size == [32, 32] and len(held_out[1]) == 2


@pytest.mark.parametrize(("out_type", "pool"), [("avg", None), ("avg", "cls"), ("cls", None), ("raw", None)])
def test_a_classifiers_backbone_is_pooled_as_its_config_says(classifier_config, checkpoint, out_type, pool):
    classifier_config.model.backbone.out_type = out_type
    evaluation = FrozenEvaluation(classifier_config, pool=pool)
    expected = pool or ("cls" if out_type == "cls" else "avg")
    assert evaluation.pool == expected
    train, test = evaluation.features(checkpoint)
    backbone = MODELS.build(dict(classifier_config.model.backbone, out_type=expected)).eval()
    load_encoder(backbone, checkpoint)
    images = torch.stack([evaluation.datasets[1][i]["inputs"] for i in range(8)])
    torch.testing.assert_close(test.x, backbone(evaluation.preprocessor(dict(inputs=images))["inputs"])[-1].detach())
    assert train.y.tolist() == test.y.tolist() == [0] * 4 + [1] * 4


def test_a_foreign_checkpoint_is_refused(pretrain_config, checkpoint):
    deeper = Config.fromfile(pretrain_config).model.backbone
    deeper.arch.depth = 3
    with pytest.raises(UsageError, match=r"does not belong to this config: loaded 30/42[\s\S]*12 missing in the file"):
        load_encoder(MODELS.build(deeper), checkpoint)


def test_another_number_of_heads_is_refused_though_every_shape_fits(pretrain_config, checkpoint):
    content = torch.load(checkpoint)
    content["meta"]["mmmim"] = dict(num_heads=2, depth=2)
    torch.save(content, checkpoint)
    backbone = Config.fromfile(pretrain_config).model.backbone
    assert load_encoder(MODELS.build(backbone), checkpoint).startswith("loaded 30/30")
    backbone.arch.num_heads = 4
    with pytest.raises(UsageError, match="num_heads: 2 there, 4 here"):
        load_encoder(MODELS.build(backbone), checkpoint)
