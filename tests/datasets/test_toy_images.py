from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mmmim.datasets import ToyImages
from mmmim.datasets.toy_renderer import MATERIAL_NAMES


def test_images_are_a_function_of_seed_split_and_index():
    one, other = ToyImages(4, 32), ToyImages(9, 32)
    for i in range(4):
        assert torch.equal(one[i]["inputs"], other[i]["inputs"])
    for different in (ToyImages(4, 32, split="val"), ToyImages(4, 32, seed=1)):
        assert all(not torch.equal(one[i]["inputs"], different[i]["inputs"]) for i in range(4))


def test_kept_images_are_the_drawn_ones_and_cannot_be_spoilt():
    data = ToyImages(2, 32, channels=5)
    first = data[0]["inputs"].clone()
    data[0]["inputs"].zero_()
    assert torch.equal(data[0]["inputs"], first)


def test_labels_are_balanced():
    data = ToyImages(80, 16)
    assert np.bincount([data[i]["labels"] for i in range(80)]).tolist() == [10] * 8
    assert data.metainfo == dict(classes=MATERIAL_NAMES)
    assert {ToyImages(80, 16, num_classes=3).label(i) for i in range(80)} == {0, 1, 2}


@pytest.mark.parametrize("channels", [1, 3, 4, 6])
@pytest.mark.parametrize("size", [32, (24, 40)])
def test_any_size_and_number_of_channels(channels, size):
    inputs = ToyImages(2, size, channels=channels)[1]["inputs"]
    assert inputs.shape == (channels, *((32, 32) if size == 32 else size)) and inputs.dtype == torch.uint8


@pytest.fixture(scope="module")
def images_and_labels():
    data = ToyImages(1600, 32)
    samples = [data[i] for i in range(len(data))]
    return torch.stack([s["inputs"] for s in samples]).numpy(), np.array([s["labels"] for s in samples])


def _accuracy(features, labels):
    features = StandardScaler().fit_transform(features)
    model = LogisticRegression(C=0.1, max_iter=200).fit(features[:1200], labels[:1200])
    return model.score(features[1200:], labels[1200:])


def test_colour_does_not_solve_the_task(images_and_labels):
    """Chance is 0.125. Patterns mix light and dark in different amounts, which colour statistics half see."""
    images, labels = images_and_labels
    pixels = images.reshape(len(images), 3, -1)
    moments = np.concatenate([pixels.mean(2), pixels.std(2)], 1)
    assert _accuracy(moments, labels) < 0.35


def test_a_pixel_template_does_not_tell_the_label(images_and_labels):
    images, labels = images_and_labels
    small = images.reshape(len(images), 3, 8, 4, 8, 4).mean((3, 5)).reshape(len(images), -1)
    assert _accuracy(small, labels) < 0.3


def test_materials_are_there_to_be_seen(images_and_labels):
    """Texture statistics tell most of the label: what a network can find and the tests before must not."""
    images, labels = images_and_labels
    gray = images.mean(1).reshape(len(images), 4, 8, 4, 8).transpose(0, 1, 3, 2, 4)  # 4x4 windows of 8x8
    spectra = np.log1p(np.abs(np.fft.rfft2(gray - gray.mean((3, 4), keepdims=True))))
    pooled = np.concatenate([spectra.mean((1, 2)), spectra.max((1, 2))], 1).reshape(len(images), -1)
    assert _accuracy(pooled, labels) > 0.45


@pytest.mark.parametrize(
    "options, words",
    [
        (dict(num_images=0), r"num_images: expected at least 1, got 0"),
        (dict(split="train2"), r"split='train2' is unknown; did you mean 'train'"),
        (dict(num_classes=9), r"num_classes: there are 1\.\.8 materials, got 9"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        ToyImages(**options)
