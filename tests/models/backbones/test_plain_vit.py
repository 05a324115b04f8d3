from typing import Any

import pytest
import torch
from small_beit_vit import beit_vit, lively
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from mmmim.models.backbones import BEiTViT


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 32, 64, dtype=torch.float64)  # 4x8 patches


def test_the_plain_vit_of_timm(images: Tensor) -> None:
    plain: Any = dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv", mask_mode=None)
    model = lively(beit_vit(**plain))
    theirs = VisionTransformer((32, 64), 8, 5, 0, embed_dim=48, depth=3, num_heads=4, global_pool="").double().eval()
    theirs.load_state_dict(model.state_dict(), strict=True)
    torch.testing.assert_close(model(images)[0], theirs(images), rtol=0, atol=1e-12)
    with torch.device("meta"):
        assert len(BEiTViT(**plain).state_dict()) == 150


def test_initial_values() -> None:
    model = beit_vit(arch=dict(embed_dims=192, depth=3, num_heads=3), pos_embed="learned", layer_scale=0.1)
    weights = [model.patch_embed.proj.weight, model.blocks[1].attn.qkv.weight, model.blocks[2].mlp.fc1.weight]
    for tensor in (*weights, model.pos_embed):
        assert tensor.std().item() == pytest.approx(0.0108, abs=2e-4) and tensor.abs().max() <= 0.02
    assert model.cls_token.abs().max() <= 0.02 and model.mask_token.abs().min() > 0
    for index, block in enumerate(model.blocks, start=1):
        for weight in (block.attn.proj.weight, block.mlp.fc2.weight):
            assert weight.std().item() == pytest.approx(0.0108 / (2 * index) ** 0.5, rel=0.02)
        assert (block.gamma_1 == 0.1).all() and (block.attn.q_bias == 0).all() and (block.mlp.fc1.bias == 0).all()
    assert (model.rel_pos_bias.relative_position_bias_table == 0).all()
    other = beit_vit(arch=dict(embed_dims=192, depth=1, num_heads=3), init="timm")
    assert other.blocks[0].mlp.fc1.weight.std().item() == pytest.approx(0.02, rel=0.02)
