import pytest
import torch
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.evaluation.frozen import FrozenEvaluation, labelled_splits, load_encoder
from mmmim.registry import MODELS

pytestmark = pytest.mark.usefixtures("scope")


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
