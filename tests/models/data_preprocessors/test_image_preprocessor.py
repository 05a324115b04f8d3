from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope

from mmmim.models.data_preprocessors import ImagePreprocessor
from mmmim.registry import MODELS


def _batch(channels=3, **extra):
    images = torch.arange(2 * channels * 4 * 6, dtype=torch.int64).reshape(2, channels, 4, 6) % 256
    return dict(inputs=images.to(torch.uint8), labels=torch.tensor([1, -1]), indices=torch.tensor([7, 8]), **extra)


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_normalises_in_units_of_0_to_255(channels):
    mean, std = [10.0 * (c + 1) for c in range(channels)], [5.0 + c for c in range(channels)]
    batch = _batch(channels)
    out = ImagePreprocessor(mean, std)(batch)
    expected = (batch["inputs"].double() - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
    assert out["inputs"].dtype == torch.float32
    assert torch.allclose(out["inputs"].double(), expected, atol=1e-5)


def test_labels_indices_and_the_given_batch_stay_as_they_are():
    batch = _batch()
    before = batch["inputs"].clone()
    out = ImagePreprocessor()(batch, training=True)
    assert torch.equal(batch["inputs"], before)
    assert out["labels"].tolist() == [1, -1] and out["indices"].tolist() == [7, 8]


def test_imagenet_statistics_by_default():
    """ImageNet's published mean and std of 0..1 pixels, times 255."""
    white = dict(inputs=torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    out = ImagePreprocessor()(white)["inputs"][0, :, 0, 0]
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    assert torch.allclose(out, expected, atol=1e-5)


def test_follows_the_model_to_its_device():
    out = ImagePreprocessor().to("meta")(_batch())
    assert {value.device.type for value in out.values()} == {"meta"}


def test_statistics_are_not_in_checkpoints():
    assert ImagePreprocessor().state_dict() == {}


def test_batch_augment_acts_on_normalised_images_in_training_only():
    seen = []

    def augment(images, labels):
        seen.append(images.clone())
        return images + 1, labels * 2

    preprocessor = ImagePreprocessor([0.0] * 3, [255.0] * 3, batch_augment=augment)
    evaluated = preprocessor(_batch())
    assert not seen and evaluated["labels"].tolist() == [1, -1]
    trained = preprocessor(_batch(), training=True)
    assert torch.equal(seen[0], evaluated["inputs"])
    assert torch.equal(trained["inputs"], evaluated["inputs"] + 1) and trained["labels"].tolist() == [2, -2]


@pytest.mark.parametrize("scope", ["mmmim", "mmseg"])
def test_batch_augment_from_a_config(scope):
    init_default_scope(scope)
    try:
        preprocessor = MODELS.build(
            dict(type="mmmim.ImagePreprocessor", batch_augment=dict(type="ClsBatchAugment", num_classes=4, mixup=0.8))
        )
    finally:
        init_default_scope("mmmim")
    batch = _batch()
    batch["labels"] = torch.tensor([0, 3])
    labels = preprocessor(batch, training=True)["labels"]
    assert labels.shape == (2, 4) and torch.allclose(labels.sum(1), torch.ones(2))


def test_float_images_are_refused():
    with pytest.raises(ValueError, match=r"inputs: expected uint8 in 0..255, got torch.float32; remove ToDtype"):
        ImagePreprocessor()(dict(inputs=torch.zeros(1, 3, 4, 4)))


def test_unstacked_batch_is_refused():
    with pytest.raises(ValueError, match=r"got list; set the dataloader's collate_fn=dict\(type='default_collate'\)"):
        ImagePreprocessor()(dict(inputs=[torch.zeros(3, 4, 4, dtype=torch.uint8)]))


def test_other_number_of_channels_is_refused():
    with pytest.raises(ValueError, match=r"expected \(B, 3, H, W\).*got \(2, 1, 4, 6\); set dataset.channels"):
        ImagePreprocessor()(_batch(1))


@pytest.mark.parametrize("mean, std, words", [([0], [1, 1], "got 1 and 2"), ([0], [0], r"std: .*got \(0,\)")])
def test_impossible_statistics(mean, std, words):
    with pytest.raises(ValueError, match=words):
        ImagePreprocessor(mean, std)


def test_token_view_is_normalised_alike() -> None:
    preprocessor = ImagePreprocessor()
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    data = preprocessor(dict(inputs=images, token_inputs=images[..., :4, :4]), training=True)
    assert torch.equal(data["token_inputs"], data["inputs"][..., :4, :4])
    with pytest.raises(ValueError, match="token_inputs: expected uint8"):
        preprocessor(dict(inputs=images, token_inputs=images.float()))
