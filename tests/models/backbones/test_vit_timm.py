import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from mmmim.models.backbones import ViT

SMALL = dict(embed_dims=48, depth=3, num_heads=4)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 32, 64)  # 4x8 patches


def test_state_dict_is_timms() -> None:
    model = ViT(arch=SMALL, img_size=32, patch_size=8).eval()
    other = VisionTransformer(32, 8, num_classes=0, global_pool="token", embed_dim=48, depth=3, num_heads=4).eval()
    other.load_state_dict(model.state_dict(), strict=True)
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(other.forward_features(images), model(images)[0], atol=1e-5, rtol=0)
    pooled = VisionTransformer(32, 8, num_classes=0, global_pool="avg", embed_dim=48, depth=3, num_heads=4)
    missing, unexpected = pooled.load_state_dict(model.state_dict(), strict=False)
    assert set(missing) == {"fc_norm.weight", "fc_norm.bias"} and set(unexpected) == {"norm.weight", "norm.bias"}
