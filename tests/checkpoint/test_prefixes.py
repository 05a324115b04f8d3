"""Files of torch.compile, FSDP, Lightning, DINO and others, which put something before the names of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.interop.convert import Choices, Conversion, Source, convert_file
from mmmim.models.backbones import BEiTViT, ViT

ARCH = dict(embed_dims=16, depth=2, num_heads=2)
State = dict[str, Tensor]


def vit(seed: int = 0) -> State:
    torch.manual_seed(seed)
    return ViT(ARCH, img_size=32, patch_size=8).state_dict()


def below(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


def inserted(word: str, state: State) -> State:
    return {name.replace("blocks.0.", f"blocks.0.{word}."): value for name, value in state.items()}


def read(folder: Path, content: Any, **options: Any) -> tuple[Source, Conversion]:
    torch.save(content, folder / "file.pth")
    return convert_file(folder / "file.pth", folder / "out.pth", choices=Choices(num_heads=2), **options)


FILES: dict[str, Any] = {
    "plain": vit(),
    "torch.compile": dict(model=below("_orig_mod.", vit())),
    "torch.compile of the blocks": dict(model=inserted("_orig_mod", vit())),
    "data parallel around torch.compile": dict(model=below("module._orig_mod.", vit())),
    "torch.compile around data parallel": dict(state_dict=below("_orig_mod.module.", vit())),
    "FSDP and activation checkpointing": inserted("_checkpoint_wrapped_module", below("_fsdp_wrapped_module.", vit())),
    "DeepSpeed": dict(module=vit(), optimizer=dict(state={0: dict(exp_avg=torch.zeros(1))})),
    "Lightning": dict(state_dict=below("model.", vit()), hyper_parameters={}),
    "Lightning, an encoder": dict(state_dict=below("encoder.", vit()) | below("head.", dict(weight=torch.zeros(1)))),
    "Lightning, deeper": dict(state_dict=below("net.model.encoder._orig_mod.", vit())),
    "DINO, one of two": dict(teacher=below("module.backbone.", vit()) | {"module.head.weight": torch.zeros(1)}),
    "under an unknown word": dict(epoch=3, whatever=dict(deeper=below("x.", vit()))),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_model_is_found_below_any_prefix(tmp_path: Path, kind: str) -> None:
    source, converted = read(tmp_path, FILES[kind])
    assert converted.layout == "mae" and not converted.left_out
    expected = vit()
    assert {name.removeprefix("backbone.") for name in converted.state} == set(expected)
    assert all(torch.equal(value, expected[name.partition(".")[2]]) for name, value in converted.state.items())
    assert not any(name in expected for name in source.not_read)


def test_what_lies_beside_the_model_is_told(tmp_path: Path) -> None:
    source, _ = read(tmp_path, dict(FILES["DINO, one of two"], epoch=3, optimizer=dict(state={0: torch.zeros(1)})))
    assert source.prefix == "teacher.module.backbone."
    assert source.not_read == ["epoch", "optimizer", "teacher.module.head"]


def test_of_several_models_one_is_chosen(tmp_path: Path) -> None:
    content = dict(student=below("module.backbone.", vit(1)), teacher=below("backbone.", vit(2)), args=dict(arch="vit"))
    with pytest.raises(UsageError, match=r"2 models; choose with --prefix student.module.backbone or --prefix teacher"):
        read(tmp_path, content)
    for prefix, seed in (("student", 1), ("teacher", 2), ("teacher.backbone.", 2), ("student.module", 1)):
        _, converted = read(tmp_path, content, prefix=prefix)
        assert torch.equal(converted.state["backbone.cls_token"], vit(seed)["cls_token"])
    with pytest.raises(UsageError, match=r"--prefix techer: .* holds 2 models; choose with"):
        read(tmp_path, content, prefix="techer")
    flat = dict(state_dict=below("module.base_encoder.", vit(1)) | below("module.momentum_encoder.", vit(2)))
    with pytest.raises(UsageError, match=r"--prefix state_dict\.module\.base_encoder"):
        read(tmp_path, flat)
    assert torch.equal(read(tmp_path, flat, prefix="base_encoder")[1].state["backbone.cls_token"], vit(1)["cls_token"])


def test_the_model_itself_comes_before_its_average(tmp_path: Path) -> None:
    content = dict(model_ema=vit(2), model=below("_orig_mod.", vit(1)))
    source, converted = read(tmp_path, content)
    assert torch.equal(converted.state["backbone.cls_token"], vit(1)["cls_token"]) and source.not_read == ["model_ema"]
    _, converted = read(tmp_path, content, prefix="model_ema")
    assert torch.equal(converted.state["backbone.cls_token"], vit(2)["cls_token"])


def test_a_layout_with_a_prefix_of_its_own_keeps_it(tmp_path: Path) -> None:
    state = BEiTViT(ARCH, 32, 8, mask_mode="replace").state_dict()
    simmim = below("model.encoder.", state) | {"model.decoder.0.weight": torch.zeros(192, 16, 1, 1)}
    source, converted = read(tmp_path, dict(state_dict=simmim | {"model.decoder.0.bias": torch.zeros(192)}))
    assert (source.prefix, converted.layout) == ("state_dict.model.", "simmim")


def test_a_checkpoint_of_ours_is_not_converted_by_its_prefix(tmp_path: Path) -> None:
    ours = dict(meta=dict(mmmim={}), state_dict=below("backbone.", vit()))
    with pytest.raises(UsageError, match="if mmmim wrote it, it needs no conversion"):
        read(tmp_path, ours)


def test_an_unknown_model_is_described_by_its_names(tmp_path: Path) -> None:
    content = dict(state_dict={f"model.layer{index}.weight": torch.zeros(1) for index in range(9)})
    with pytest.raises(UsageError, match=r"(?s)no layout fits.*holds model.layer0.weight, .* 1 more.*--from NAME"):
        read(tmp_path, content)
    with pytest.raises(UsageError, match=r"--prefix teacher: .* no model of a known layout .* state_dict.model.layer0"):
        read(tmp_path, content, prefix="teacher")
