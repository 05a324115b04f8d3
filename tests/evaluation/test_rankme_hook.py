import pytest
from torch.utils.data import default_collate

from mmmim.errors import UsageError
from mmmim.evaluation import RankMeHook
from mmmim.evaluation.features import extract_features
from mmmim.evaluation.spectrum import feature_spectrum
from mmmim.evaluation.splits import training_images


def test_the_rank_of_the_training_images_is_logged(watched_run):
    runner, scalars = watched_run(dict(type="RankMeHook", num_images=160))  # all of them
    assert [line["step"] for line in scalars] == [1, 2]
    images = training_images(runner.cfg)
    samples = [images[index] for index in range(len(images))]
    features = extract_features(runner.model.backbone, [default_collate(samples)], runner.model.data_preprocessor)
    for name, value in feature_spectrum(features.x).items():
        assert scalars[-1][f"rankme/{name}"] == pytest.approx(value, rel=1e-3)


def test_no_labels_are_needed(watched_run, class_folder):
    dataset = dict(_delete_=True, type="ImageFolder", root=str(class_folder / "train/ant"), transforms=[])
    dataset["transforms"] = [dict(type="RandomResizedCrop", size=32)]
    loader = dict(dataset=dataset, batch_size=2)
    _, scalars = watched_run(dict(type="RankMeHook"), train_dataloader=loader)
    assert 1 <= scalars[-1]["rankme/rankme"] <= 4


def test_one_image_has_no_rank():
    with pytest.raises(UsageError, match="num_images: 1 must be at least 2"):
        RankMeHook(num_images=1)
