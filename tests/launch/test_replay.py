from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope
from tiny_run import tiny_config
from torch import nn

from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.launch.replay import Step, first_nonfinite, recorded_masks, replay, samples_of
from mmmim.models.maskers import RandomMasker


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope("mmmim"):
        yield


def test_processes_share_the_samples_of_a_step(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    whole = [key for key in samples_of(cfg, Step(4, 0, 1, 7))[1]]
    cfg.train_dataloader.batch_size = 2
    halves = [samples_of(cfg, Step(4, rank, 2, 7))[1] for rank in range(2)]
    assert len(whole) == 4 and [key for pair in zip(*halves, strict=True) for key in pair] == whole
    assert samples_of(cfg, Step(11, 0, 1, 7))[1][0].epoch == 1  # of 22 images


def test_a_sampler_that_does_not_tell_is_refused(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    cfg.train_dataloader.sampler = dict(type="mmengine.DefaultSampler", shuffle=True)
    with pytest.raises(UsageError, match=r"train_dataloader\.sampler: DefaultSampler is not known; a step of .*Epoch"):
        samples_of(cfg, Step(0, 0, 1, 0))


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    torch.save(dict(state_dict={"other.weight": torch.zeros(1)}), tmp_path / "a.pth")
    cfg = load_config(str(Path(__file__).parents[2] / "configs/simmim/vit-tiny_toy.py"))
    with pytest.raises(UsageError, match=r"does not belong to this run: it lacks backbone\."):
        replay(cfg, Step(0, 0, 1, 0), tmp_path / "a.pth")


class Breaks(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 0


def test_the_module_in_which_numbers_break_comes_first() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Identity(), Breaks()), nn.Linear(2, 2))
    with first_nonfinite(model) as found:
        model(torch.ones(1, 2))
    assert found == [
        "1.1 (Breaks), from finite inputs",
        "1 (Sequential), from finite inputs",
        "2 (Linear), from inputs that were not finite either",
        "the model (Sequential), from finite inputs",
    ]
    with first_nonfinite(model[0]) as found:
        model(torch.ones(1, 2))
    assert found == [] and not model[1]._forward_hooks


def test_masks_are_recorded_and_the_masker_comes_back() -> None:
    model = nn.Module()
    model.masker = masker = RandomMasker(0.5)
    with recorded_masks(model) as masks:
        drawn = model.masker((2, 4), 3)
        assert model.masker.num_hidden((2, 4)) == 4
    assert masks[0] is drawn.mask and model.masker is masker
    with recorded_masks(nn.Module()) as masks:
        pass
    assert masks == []
