import torch

from mmmim.errors import UsageError
from mmmim.interop.export.transformers.model import beneath, one_or_pair, refuse, split_qkv


def test_equal_sides_are_one_number() -> None:
    assert one_or_pair((224, 224)) == 224 and one_or_pair([32, 48]) == [32, 48]


def test_a_joint_projection_becomes_three() -> None:
    joint = torch.arange(12.0).view(6, 2)
    parts = split_qkv("blocks.0.attn.qkv.weight", joint, "layer.0.{}.weight")
    assert list(parts) == ["layer.0.query.weight", "layer.0.key.weight", "layer.0.value.weight"]
    assert torch.cat(list(parts.values())).equal(joint) and all(part.is_contiguous() for part in parts.values())


def test_an_encoder_lies_below_its_name_in_a_model_with_a_head() -> None:
    assert beneath("vit.", {"layernorm.bias": torch.zeros(1)}).keys() == {"vit.layernorm.bias"}


def test_a_refusal_says_what_to_use_instead() -> None:
    error = refuse("its model has no windows", "--to mmpretrain")
    assert isinstance(error, UsageError)
    assert str(error) == "--to transformers: its model has no windows; use --to mmpretrain"
    assert "; use --to timm, --to onnx or --to safetensors" in str(refuse("no"))
