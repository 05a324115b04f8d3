"""A part is what its base class says, or the model is not built and the message says what to inherit from."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.models import degradations, generators, heads, maskers, necks, target_generators, tokenizers
from mmmim.models.classifiers import ImageClassifier
from mmmim.models.contract import Part
from mmmim.models.data_preprocessors import statistics_of
from mmmim.models.heads import Head, ReconstructionHead
from mmmim.models.necks import Neck
from mmmim.models.target_generators import TargetGenerator
from mmmim.registry import MODELS

PACKAGES = (degradations, generators, heads, maskers, necks, target_generators, tokenizers)
VIT = dict(type="mmmim.ViT", arch=dict(embed_dims=24, depth=1, num_heads=2), img_size=32, patch_size=8)


def build(**changes: Any) -> Any:
    config = dict(
        type="mmmim.MaskedImageModel",
        backbone=VIT,
        masker=dict(type="mmmim.RandomMasker"),
        neck=dict(type="mmmim.MAEDecoder", dims=16, depth=1, num_heads=2),
        target_generator=dict(type="mmmim.PixelTarget"),
    )
    return MODELS.build({**config, **changes})


def shipped(*bases: type) -> list[Any]:
    found = [getattr(package, name) for package in PACKAGES for name in package.__all__]
    return [each for each in found if isinstance(each, type) and issubclass(each, bases)]


def test_parts_inherit_from_the_base_of_their_package() -> None:
    others = {"Align", "InfoNCE", "AttentivePooling", "ProbeBlocks", "SimpleFPN", "ViTPyramid"}  # no parts of a model
    others |= {"Corrupted"}
    names = {name for package in PACKAGES for name in package.__all__}
    classes = {name for name in names if any(isinstance(getattr(p, name, None), type) for p in PACKAGES)}
    assert classes - {each.__name__ for each in shipped(Part)} == others


@pytest.mark.parametrize("base", shipped(Part), ids=lambda base: base.__name__)
def test_what_is_declared_is_in_the_contract(base: Any) -> None:
    """A flag that the contract leaves out would be missed in a part that is no subclass."""
    if base.__module__.endswith(".base") and "contract" in vars(base):
        assert set(vars(base).get("__annotations__", ())) - {"contract"} <= set(base.contract)
    annotated = {name for each in base.__mro__ for name in vars(each).get("__annotations__", ())}
    assert all(hasattr(base, name) or name in annotated for name in base.contract)


# ---------------------------------------------------------------- parts of one's own


class NoScope(Head):
    def loss(self, prediction: Tensor, target: Any, *, weight: Tensor | None = None) -> dict[str, Tensor]:
        return dict(loss=(prediction - target).square().mean())


class NoLoss(Head):
    scope = "hidden"


class NoDims(target_generators.PixelTarget):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        del self.dims


class NoForward(Neck):
    def __init__(self, in_dims: int, out_dims: int) -> None:
        super().__init__()


class NoCount:
    def __call__(self, grid: Any, batch_size: int, **_: Any) -> Tensor:
        return torch.ones(batch_size, *grid, dtype=torch.bool)


class NoDegrade(degradations.Degradation):
    pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict(head=dict(type=NoScope)),
            r"head: class NoScope has no scope; let it inherit from mmmim.models.heads.Head",
        ),
        (dict(head=dict(type=NoLoss)), r"head: class NoLoss has no loss; .*mmmim.models.heads.Head "),
        (dict(target_generator=dict(type=NoDims)), r"target_generator: class NoDims has no dims; .*TargetGenerator "),
        (dict(neck=dict(type=NoForward)), r"neck: class NoForward has no forward; .*mmmim.models.necks.Neck "),
        (
            dict(masker=dict(type=NoCount)),
            r"masker: class NoCount has no cell, no needs_scores, no num_hidden; .*M",
        ),
        (dict(degradation=dict(type=NoDegrade)), r"degradation: class NoDegrade has no degrade; .*Degradation "),
        (dict(head=dict(type=nn.Identity)), r"head: class Identity has no scope, no predicts_classes, .*no loss; "),
        (
            dict(neck=dict(type=ReconstructionHead)),
            r"neck: class ReconstructionHead has no input_tokens",
        ),
    ],
    ids=str,
)
def test_a_part_that_breaks_its_contract_is_named(changes: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(**changes)


def test_an_encoder_that_breaks_its_contract_is_named() -> None:
    with pytest.raises(
        UsageError, match=r"backbone: class Identity has no embed_dims, .*mmmim\.models\.backbones\.Encoder"
    ):
        build(backbone=dict(type=nn.Identity))


class PlainHead(nn.Module):
    """All that a head needs, and no base class."""

    scope, predicts_classes, predicts_binary, value_type = "hidden", False, False, Tensor

    def loss(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return dict(loss_plain=(prediction - target).abs().mean())


class PlainMasker:
    """Bool masks, and no base class."""

    cell, needs_scores = (1, 1), False

    def num_hidden(self, grid: Any) -> int:
        return grid[0] * grid[1] // 2

    def __call__(self, grid: Any, batch_size: int, **_: Any) -> Tensor:
        return (torch.arange(grid[0] * grid[1]) % 2 == 0).view(1, *grid).expand(batch_size, -1, -1)


def test_a_class_that_has_everything_needs_no_base_class() -> None:
    model = build(head=dict(type=PlainHead), masker=dict(type=PlainMasker))
    losses = model(torch.randn(2, 3, 32, 32), mode="loss")
    assert set(losses) == {"loss_plain"} and losses["loss_plain"].isfinite()


class MeanTarget(TargetGenerator):
    """The mean colour of every patch, and no picture of it."""

    space = "mean colour"

    def __init__(self, patch_size: tuple[int, int]) -> None:
        super().__init__()
        self.patch_size, self.dims = patch_size, 3

    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        means = nn.functional.avg_pool2d(images, self.patch_size).flatten(2).transpose(1, 2)
        return means if where is None else means.gather(1, where[:, :, None].expand(-1, -1, 3))


def test_a_target_without_pictures_trains() -> None:
    model, images = build(target_generator=dict(type=MeanTarget)), torch.randn(2, 3, 32, 32)
    assert model(images, mode="loss")["loss_reconstruction"].isfinite()
    with pytest.raises(UsageError, match="MeanTarget has no to_image"):
        model(images, mode="predict")


def test_heads_of_classifiers_have_a_contract() -> None:
    with pytest.raises(UsageError, match=r"head: class Linear has no num_classes, no loss, no predict; .*ClsHead "):
        ImageClassifier(dict(VIT, out_type="avg"), nn.Linear(24, 3))


def test_only_a_tiny_dvae_is_trained_as_tokenizer() -> None:
    with pytest.raises(UsageError, match="DVAE trains a TinyDVAE or a subclass of it, not a VQGANTokenizer"):
        MODELS.build(dict(type="mmmim.DVAE", tokenizer=dict(type="mmmim.VQGANTokenizer")))


# ---------------------------------------------------------------- keywords, data preprocessors


@pytest.mark.parametrize("masker", shipped(maskers.BaseMasker), ids=lambda masker: masker.__name__)
def test_a_masker_takes_no_unknown_keyword(masker: Any) -> None:
    if masker in (maskers.BaseMasker, maskers.RatioMasker, maskers.ScoredMasker):
        return
    with pytest.raises(TypeError, match="genrator"):
        masker()((4, 4), 2, genrator=torch.Generator())
    with pytest.raises(TypeError, match="mask_ration"):
        MODELS.build(dict(type=masker, mask_ration=0.5))
    fitting = masker(**(dict(keep=2) if masker is maskers.CenterMasker else {}))
    given = dict(images=torch.zeros(2, 3, 8, 8), scores=torch.randn(2, 16), generator=None, device="cpu")
    assert fitting((4, 4), 2, **given).grid == (4, 4)


class Foreign(BaseDataPreprocessor):
    """A data preprocessor that knows no statistics."""


def test_a_foreign_data_preprocessor_works() -> None:
    model = build(data_preprocessor=dict(type=Foreign))
    assert statistics_of(model.data_preprocessor) == {}
    assert model(torch.randn(2, 3, 32, 32), mode="loss")["loss_reconstruction"].isfinite()
    ours = build(data_preprocessor=dict(type="mmmim.ImagePreprocessor", mean=[1.0] * 3, std=[2.0] * 3))
    assert statistics_of(ours.data_preprocessor) == dict(mean=(1.0,) * 3, std=(2.0,) * 3)
