"""Which of CIM's losses trains what, with layers shared and without."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from small_cim import RESNET, RESPIX, REVDET, VIT, build, pictures

from mmmim.models.algorithms import CIM


def gradients(model: CIM, part: str) -> set[str]:
    model.zero_grad()
    losses = model.loss(pictures())
    (losses["loss_generator"] if part == "generator" else losses["loss_reconstruction"]).backward()
    return {name for name, p in model.named_parameters() if p.grad is not None}


def test_without_sharing_each_loss_trains_its_own_network() -> None:
    model = build(share=0)
    assert {name.split(".")[0] for name in gradients(model, "enhancer")} == {"backbone", "neck"}
    generator = gradients(model, "generator")
    assert {name.split(".")[0] for name in generator} == {"generator"}
    assert not any("tokenizer" in name for name in generator)


def test_shared_layers_get_both_gradients() -> None:
    model = build()
    of_generator = {name for name in gradients(model, "generator") if name.startswith("backbone.")}
    assert {".".join(name.split(".")[:3]) for name in of_generator} == {
        "backbone.patch_embed.proj", "backbone.blocks.0", "backbone.blocks.1",
    }  # fmt: skip
    assert not any(name.startswith("generator.") for name in gradients(model, "enhancer"))
    torch.manual_seed(1)
    model.zero_grad()
    model.set_step(0, 1)
    losses = model.loss(images := pictures())
    total = losses["loss_generator"] + losses["loss_reconstruction"]
    total.backward()
    both = model.backbone.blocks[0].mlp.fc1.weight.grad.clone()
    alone = []
    for name in ("loss_generator", "loss_reconstruction"):
        torch.manual_seed(1)
        model.set_step(0, 1)
        pictures()
        model.zero_grad()
        model.loss(images)[name].backward()
        alone.append(model.backbone.blocks[0].mlp.fc1.weight.grad.clone())
    torch.testing.assert_close(both, alone[0] + alone[1], rtol=1e-4, atol=1e-6)


def test_shared_layers_appear_once() -> None:
    model = build()
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert not any(name.startswith("generator.encoder.patch_embed") for name in names)
    assert sum(name.endswith("attn.qkv.weight") for name in names) == 3 + 1  # enhancer's, and the generator's third
    assert not any("tokenizer" in key for key in model.state_dict())
    wrapper = build_optim_wrapper(
        model,
        dict(
            type="mmmim.AutocastOptimWrapper", dtype="float32",
            optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
            constructor="mmmim.LayerDecayOptimWrapperConstructor",
            paramwise_cfg=dict(layer_decay_rate=1.0, custom_keys=dict(mask_token=dict(decay_mult=1.0))),
        ),
    )  # fmt: skip
    held = [id(p) for group in wrapper.optimizer.param_groups for p in group["params"]]
    assert len(held) == len(set(held)) == sum(p.requires_grad for p in model.parameters())


@pytest.mark.filterwarnings("ignore:CIM's mask hides no patch")
@pytest.mark.parametrize("backbone", [VIT, RESNET], ids=["vit", "resnet"])
@pytest.mark.parametrize("objective", [RESPIX, REVDET], ids=["respix", "revdet"])
@pytest.mark.parametrize("mode, hidden", [("softmax", 10), ("uniform", 10), ("softmax", 24), ("softmax", 0)])
def test_data_parallel_training_needs_no_search_for_unused_parameters(
    backbone: dict, objective: dict, mode: str, hidden: int, one_process: None
) -> None:
    masker = dict(type="mmmim.RandomMasker", num_masked=hidden)
    model = build(backbone, objective, masker=masker)
    model.generator.sample_mode = mode
    parallel = torch.nn.parallel.DistributedDataParallel(model, find_unused_parameters=False)
    for _ in range(2):  # the second pass would complain of what the first left unreduced
        losses = parallel(pictures(), mode="loss")
        sum(value for name, value in losses.items() if name.startswith("loss")).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_copies_and_checkpoints_keep_the_sharing() -> None:
    model, images = build(), pictures()
    twin = copy.deepcopy(model)
    fresh = build()
    fresh.load_state_dict(model.state_dict(), strict=True)
    expected = None
    for one in (model, twin, fresh):
        torch.manual_seed(7)
        one.set_step(0, 0)
        losses = one.loss(images)
        expected = losses if expected is None else expected
        for name, value in losses.items():
            assert torch.equal(value, expected[name]), name
    with torch.no_grad():
        twin.backbone.blocks[0].mlp.fc1.weight.zero_()
    torch.manual_seed(7)
    twin.set_step(0, 0)
    assert twin.loss(images)["loss_generator"] != expected["loss_generator"]
