import numpy as np
import pytest
import torch
from mmengine.hooks import EMAHook
from small_conmim import conmim
from torch import nn

from mmmim.datasets import SampleKey, ToyImages
from mmmim.errors import UsageError
from mmmim.evaluation import watched
from mmmim.evaluation.watched import KeptBatches, choose_images, encoder_of, kept_model


class Labelled:
    """A dataset of labels: 60 of class 0, 30 of class 1, 10 of class 2."""

    labels = np.repeat([0, 1, 2], [60, 30, 10])[np.random.default_rng(1).permutation(100)]

    def __len__(self):
        return len(self.labels)

    def label(self, index):
        return int(self.labels[index])

    def __getitem__(self, index):
        return dict(inputs=torch.tensor(index), labels=self.label(index), indices=index)


def test_each_class_gets_its_share_and_the_choice_is_always_the_same():
    chosen = choose_images(Labelled(), 50)
    assert np.bincount(chosen.labels).tolist() == [30, 15, 5]
    assert chosen.ids.tolist() == sorted(set(chosen.ids.tolist())) == choose_images(Labelled(), 50).ids.tolist()
    assert chosen.ids.tolist() != choose_images(Labelled(), 50, seed=1).ids.tolist()
    assert set(choose_images(Labelled(), 3).labels) == {0, 1, 2}
    assert len(choose_images(Labelled(), 500)) == 100


def test_periodic_labels_are_no_trap():
    assert len(set(choose_images(ToyImages(80, 32), 8).labels)) == 8


def test_unlabelled_images_are_chosen_too():
    class Foreign(list):
        pass

    chosen = choose_images(Foreign(range(20)), 5)
    assert len(chosen) == 5 and chosen.labels.tolist() == [-1] * 5


def test_an_image_is_the_same_in_every_epoch():
    images = ToyImages(8, 32, transforms=[dict(type="RandomResizedCrop", size=16)])
    chosen = choose_images(images, 4)
    first, later = (chosen[SampleKey(5, epoch, 2)] for epoch in (0, 3))
    assert torch.equal(first["inputs"], later["inputs"]) and first["indices"] == chosen.ids[2]


def test_batches_are_read_once_while_they_fit(monkeypatch):
    reads = []

    class Loader:
        dataset = ()

        def __iter__(self):
            reads.append(1)
            yield from (dict(inputs=torch.full((2, 3), step), names=["a"]) for step in range(3))

    kept = KeptBatches(Loader())
    assert [batch["inputs"][0, 0].item() for batch in kept] == [batch["inputs"][0, 0].item() for batch in kept]
    assert len(reads) == 1
    monkeypatch.setattr(watched, "MAX_KEPT_BYTES", 3 * 2 * 8 * 2)  # two of the three batches
    large = KeptBatches(Loader())
    assert len(list(large)) == len(list(large)) == 3 and len(reads) == 3


def test_the_encoder_is_the_one_that_checkpoints_hold():
    slow, trained = conmim(), conmim(export_weights="online")
    assert encoder_of(slow) is slow.target_generator.backbone is not slow.backbone
    assert encoder_of(trained) is trained.backbone
    state = slow.state_dict()
    for name, value in encoder_of(slow).state_dict().items():
        assert torch.equal(state[f"backbone.{name}"], value)


def test_an_average_of_weights_is_what_is_measured():
    hook = EMAHook()
    runner = type("Runner", (), dict(model=nn.Linear(2, 2), hooks=[hook]))()
    hook.before_run(runner)
    assert kept_model(runner) is hook.ema_model.module
    runner.hooks = []
    assert kept_model(runner) is runner.model


def test_a_model_without_an_encoder_is_refused():
    with pytest.raises(UsageError, match="Linear has no encoder"):
        encoder_of(nn.Linear(2, 2))
