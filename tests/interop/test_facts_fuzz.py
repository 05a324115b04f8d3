"""Whatever a checkpoint says of itself, it is exported or refused with an explanation."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_encoders import RESNET, SWIN, write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

ENCODERS: dict[str, tuple[type, dict[str, Any]]] = {
    "ViT": (ViT, {}),
    "BEiTViT": (BEiTViT, {}),
    "Swin": (Swin, SWIN),
    "SwinV2": (SwinV2, {}),
    "ResNet": (ResNet, RESNET),
}
numbers = st.one_of(st.integers(-3, 300), st.sampled_from([10**9, 10**30, -(10**20)]), st.floats(), st.booleans())
texts = st.one_of(st.text(max_size=12), st.sampled_from(["__import__('os')", "a'b", "ViT", "7x7", "resnet50", "../x"]))
values = st.recursive(
    st.one_of(st.none(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("good")
    found = {}
    for name, (cls, options) in ENCODERS.items():
        write_checkpoint(folder / "a.pth", cls, **options)
        found[name] = torch.load(folder / "a.pth")
    return found


FOLDERS = ("timm", "transformers")


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_facts(data: st.DataObject, good: dict[str, Any], tmp_path: Path) -> None:
    content = copy.deepcopy(good[data.draw(st.sampled_from(list(ENCODERS)))])
    facts = content["meta"]["mmmim"]
    for name in data.draw(st.lists(st.one_of(st.sampled_from(sorted(facts)), texts), max_size=3)):
        if data.draw(st.booleans()):
            facts[name] = data.draw(values)
        else:
            facts.pop(name, None)
    torch.save(content, tmp_path / "a.pth")
    target = data.draw(st.sampled_from([*FOLDERS, "timm.pth", "torchvision", "safetensors", "mmpretrain", "official"]))
    out = tmp_path / ("out" if target in FOLDERS else "out.pth")
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    try:
        usage, difference = export(read_encoder(tmp_path / "a.pth"), target.removesuffix(".pth"), out)
    except UsageError as error:
        assert str(error)
    else:
        assert difference < 1e-5 and "import" not in usage.replace("import torch", "")


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_structure_and_names(data: st.DataObject, good: dict[str, Any], tmp_path: Path) -> None:
    content = copy.deepcopy(good["ViT"])
    entry = data.draw(st.sampled_from(["state_dict", "meta", "mmmim", "names", "cfg", "shapes"]))
    state = content["state_dict"]
    if entry == "names":
        for old in data.draw(st.lists(st.sampled_from(sorted(state)), min_size=1, max_size=3, unique=True)):
            state[data.draw(st.one_of(texts, texts.map("backbone.{}".format)))] = state.pop(old)
    elif entry == "shapes":
        for old in data.draw(st.lists(st.sampled_from(sorted(state)), min_size=1, max_size=3)):
            state[old] = torch.zeros(data.draw(st.lists(st.integers(0, 5), max_size=3)))
    elif entry == "cfg":
        content["meta"]["cfg"] = data.draw(st.one_of(values, st.just("model = dict(backbone=[1], head=3)")))
    elif entry == "mmmim":
        content["meta"]["mmmim"] = data.draw(values)
    else:
        content[entry] = data.draw(values)
    torch.save(content, tmp_path / "a.pth")
    try:
        encoder = read_encoder(tmp_path / "a.pth")
        export(encoder, "timm", tmp_path / "out.pth", with_head=data.draw(st.booleans()))
    except UsageError as error:
        assert str(error)
