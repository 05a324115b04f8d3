from __future__ import annotations

import pytest
from small_encoders import ARCH

from mmmim.errors import UsageError
from mmmim.interop.mmpretrain_layout import mmpretrain_name
from mmmim.models.backbones import ViT


def test_names_of_mmpretrain() -> None:
    """As its vision_transformer.py builds them: layers, ln1/ln2, ffn.layers.0.0 and .1, patch_embed.projection, ln1."""
    block = ("ln1", "attn.qkv", "attn.proj", "ln2", "ffn.layers.0.0", "ffn.layers.1")
    expected = [f"layers.{i}.{part}.{kind}" for i in range(2) for part in block for kind in ("weight", "bias")]
    expected += ["cls_token", "pos_embed", "patch_embed.projection.weight", "patch_embed.projection.bias"]
    expected += ["ln1.weight", "ln1.bias"]
    ours = ViT(arch=ARCH, img_size=32, patch_size=8).state_dict()
    assert sorted(mmpretrain_name(name) for name in ours) == sorted(expected)
    with pytest.raises(UsageError, match=r"'blocks\.0\.ls1\.gamma' has no place"):
        mmpretrain_name("blocks.0.ls1.gamma")
