import os
from dataclasses import replace

import pytest
import torch
from torch import nn

from mmmim.datasets import ToyImages
from mmmim.errors import UsageError
from mmmim.evaluation import extraction
from mmmim.evaluation.extraction import FrozenEncoders, default_workers, extract_all
from mmmim.evaluation.features import extract_features
from mmmim.models.backbones import ViT
from mmmim.models.data_preprocessors import ImagePreprocessor

ARCH = dict(embed_dims=16, depth=1, num_heads=2)
SIDE = 16


@pytest.fixture
def encoders():
    vits = [ViT(ARCH, img_size=SIDE, patch_size=8, drop_path_rate=0.9).train() for _ in range(2)]
    return FrozenEncoders(vits, ImagePreprocessor(), "avg", torch.device("cpu"))


@pytest.fixture
def images():
    return ToyImages(21, SIDE)


def one_by_one(encoder, images):
    loader = torch.utils.data.DataLoader(images, 4)
    return extract_features(encoder, loader, ImagePreprocessor())


@pytest.mark.parametrize("workers, batch", [(0, 8), (2, 4), (None, None)])
def test_features_of_workers_are_those_of_a_plain_loop(encoders, images, workers, batch):
    found = extract_all(encoders, images, "images", batch, workers)
    for encoder, features in zip(encoders.encoders, found, strict=True):
        expected = one_by_one(encoder, images)
        torch.testing.assert_close(features.x, expected.x, rtol=1e-5, atol=1e-5)
        assert torch.equal(features.y, expected.y)
        (features.x.requires_grad_() * 2).sum().backward()  # no tensor of inference mode


class Failing(ToyImages):
    def load(self, index):
        if index == 5:
            raise ValueError("broken")
        return super().load(index)


def test_images_that_cannot_be_read_are_left_out_and_known_to_the_main_process(encoders):
    images = Failing(21, SIDE)
    features, _ = extract_all(encoders, images, "images", 4, 2)
    assert images.bad_files == ["5"] and features.x.shape == (20, 16)
    assert torch.equal(features.y, torch.tensor([i % 8 for i in range(21) if i != 5]))


class NamesItsProcess(nn.Module):
    """An encoder whose feature is the process that it ran in and the number of threads."""

    def forward(self, images):
        value = torch.tensor([os.getpid(), torch.get_num_threads()], dtype=torch.float32)
        return (value.expand(len(images), 2),)


def test_workers_encode_on_a_cpu_with_one_thread_each(images):
    encoder = FrozenEncoders([NamesItsProcess()], ImagePreprocessor(), "avg", torch.device("cpu"))
    (features,) = extract_all(encoder, images, "images", 4, 2)
    processes, threads = features.x.unique(dim=0).T.tolist()
    assert len(processes) == 2 and os.getpid() not in processes and threads == [1, 1]


@pytest.mark.filterwarnings("ignore:'pin_memory' argument")
def test_other_devices_encode_in_the_main_process(images):
    remote = FrozenEncoders([NamesItsProcess()], ImagePreprocessor(), "avg", torch.device("meta"))
    (features,) = extract_all(remote, images, "images", 4, 2)
    assert features.x[:, 0].tolist() == [os.getpid()] * 21


def test_amp_gives_nearly_the_same(encoders, images):
    exact = extract_all(encoders, images, "images", 8, 0)[0].x
    rough = extract_all(replace(encoders, amp=True), images, "images", 8, 0)[0].x
    assert rough.dtype == torch.float32 and not torch.equal(exact, rough)
    torch.testing.assert_close(rough, exact, rtol=0.1, atol=0.1)


def test_an_empty_dataset_is_refused(encoders):
    class Empty(torch.utils.data.Dataset):
        def __len__(self):
            return 0

    with pytest.raises(UsageError, match="no batch"):
        extract_all(encoders, Empty(), "images", 4, 0)


def test_workers_fit_cores_and_images(monkeypatch):
    monkeypatch.setattr(extraction, "available_cores", lambda: 8)
    assert [default_workers(n) for n in (10, 600, 10**6)] == [0, 2, 8]
    monkeypatch.setattr(extraction, "available_cores", lambda: 1)
    assert default_workers(10**6) == 0
