"""Other packages' layer decay on our backbones: it works, or the run stops with the lines that make it work."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine.config import Config
from mmengine.optim import DefaultOptimWrapperConstructor, build_optim_wrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, DefaultScope
from torch import nn

from mmmim import compat

compat.setup()
import mmdet.engine.optimizers  # noqa: E402, F401
import mmseg.engine.optimizers  # noqa: E402, F401
from mmseg.models.backbones import BEiT  # noqa: E402

from mmmim.errors import UsageError  # noqa: E402
from mmmim.models.backbones import BEiTViT, ResNet, Swin, ViT  # noqa: E402

TINY = dict(embed_dims=8, depth=3, num_heads=2)
SIZE = dict(img_size=32, patch_size=8)
UPSTREAM = dict(num_layers=3, decay_rate=0.5)
ENCODERS = {
    "ViT": lambda: ViT(TINY, **SIZE),
    "BEiTViT": lambda: BEiTViT(TINY, **SIZE),
    "Swin": lambda: Swin(dict(embed_dims=8, depths=(1, 1), num_heads=(1, 2)), img_size=32, window_size=4),
    "ResNet": lambda: ResNet(dict(block="basic", depths=(1, 1, 1, 1), channels=4)),
}


class MAEViT(ViT):
    """A name that mmseg takes for one of its own."""


class ByBlock(DefaultOptimWrapperConstructor):
    """Layer decay by timm's names, as ViTDet of mmdet's projects has it."""

    def add_params(self, params: list[dict], module: nn.Module, **kwargs: Any) -> None:
        for name, parameter in module.named_parameters():
            block = int(name.split(".")[2]) + 1 if ".blocks." in name else 0
            params.append(dict(params=[parameter], lr=self.base_lr * self.paramwise_cfg["decay_rate"] ** (4 - block)))


OPTIM_WRAPPER_CONSTRUCTORS.register_module(module=ByBlock)


class Dense(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, nn.Conv2d(8, 4, 1)


def build(backbone: nn.Module, constructor: str | None, options: dict | None, scope: str = "mmseg") -> Any:
    config = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=1.0), paramwise_cfg=options)
    if constructor is not None:
        config["constructor"] = constructor
    with DefaultScope.overwrite_default_scope(scope):
        return build_optim_wrapper(Dense(backbone), config).optimizer


@pytest.mark.parametrize("scope", ["mmseg", "mmdet"])
@pytest.mark.parametrize("name", ENCODERS)
def test_upstream_constructors_stop_with_lines_that_work(name: str, scope: str) -> None:
    encoder = ENCODERS[name]()
    with pytest.raises(UsageError, match=f"LearningRateDecayOptimizerConstructor' .* {name}, so that") as refused:
        build(encoder, "LearningRateDecayOptimizerConstructor", UPSTREAM, scope)
    lines = str(refused.value).split("of the config\n")[1]
    config = Config(dict(constructor="LearningRateDecayOptimizerConstructor", paramwise_cfg=UPSTREAM))
    config.merge_from_dict(eval(f"dict(\n{lines})"))
    groups = build(encoder, config.constructor, config.paramwise_cfg.to_dict(), scope).param_groups
    layers = {encoder.get_layer_depth(parameter)[1] for parameter, _ in encoder.named_parameters()}
    assert min(group["lr"] for group in groups) == 0.5 ** (max(layers) - 1)


@pytest.mark.parametrize("decay_type", ["layer_wise", "stage_wise"])
def test_a_name_that_mmseg_takes_for_its_own(decay_type: str) -> None:
    options = dict(UPSTREAM, decay_type=decay_type)
    with pytest.raises(UsageError, match="MAEViT"):
        build(MAEViT(TINY, **SIZE), "LearningRateDecayOptimizerConstructor", options)


def test_the_deprecated_constructor_and_a_forgotten_one() -> None:
    options = dict(num_layers=3, layer_decay_rate=0.65)
    for constructor in ("LayerDecayOptimizerConstructor", None):
        with pytest.raises(
            UsageError, match=r"one learning rate to all blocks of BEiTViT(.|\n)*layer_decay_rate=0.65\)"
        ):
            build(BEiTViT(TINY, **SIZE), constructor, dict(options))


def test_what_works_is_left_alone() -> None:
    groups = build(ViT(TINY, **SIZE), "ByBlock", dict(decay_rate=0.5), "mmengine").param_groups
    assert {group["lr"] for group in groups} == {0.5**power for power in (1, 2, 3, 4)}
    theirs = BEiT(img_size=32, patch_size=8, embed_dims=8, num_layers=3, num_heads=2, out_indices=(2,))
    assert build(theirs, "LearningRateDecayOptimizerConstructor", UPSTREAM).param_groups
    assert build(BEiTViT(TINY, **SIZE), "LearningRateDecayOptimizerConstructor", dict(num_layers=3, decay_rate=1))
    for options in (None, dict(custom_keys=dict(backbone=dict(lr_mult=0.1)))):
        assert build(BEiTViT(TINY, **SIZE), None, options).param_groups
    with pytest.raises(NotImplementedError):
        build(nn.Conv2d(3, 3, 1), "LearningRateDecayOptimizerConstructor", UPSTREAM)


def test_upstream_s_options_left_in_our_constructor() -> None:
    with pytest.raises(UsageError, match=r"'num_layers'.*counts the layers itself.*_delete_=True"):
        build(ViT(TINY, **SIZE), "mmmim.LayerDecayOptimWrapperConstructor", dict(UPSTREAM))


def test_the_lines_also_work_where_there_is_nothing_to_delete() -> None:
    options = dict(_delete_=True, layer_decay_rate=0.5)
    groups = build(ViT(TINY, **SIZE), "mmmim.LayerDecayOptimWrapperConstructor", options).param_groups
    assert min(group["lr"] for group in groups) == 0.5**4
