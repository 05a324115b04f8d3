import pytest
import torch
from mmengine.config import Config

from mmmim.evaluation import cached_extraction, frozen
from mmmim.evaluation.feature_cache import FeatureCache
from mmmim.evaluation.frozen import FrozenEvaluation

pytestmark = pytest.mark.usefixtures("scope")


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
