import pytest
import torch
from small_swin import scrambled, swin
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 48, 96)


@pytest.mark.parametrize(("size", "window"), [((48, 96), 3), ((96, 96), 6), ((48, 96), 6)])
def test_state_dict_and_features_are_timms(size: tuple[int, int], window: int) -> None:
    model = scrambled(swin(img_size=size, window_size=window, mask_mode=None).double())
    other = SwinTransformer(
        size, 4, in_chans=5, num_classes=0, global_pool="", embed_dim=8, depths=(2, 2, 2), num_heads=(1, 2, 4),
        window_size=window,
    ).eval().double()  # fmt: skip
    other.load_state_dict(model.state_dict(), strict=True)
    images = torch.randn(2, 5, *size, dtype=torch.float64)
    expected = other.forward_features(images)  # (B,h,w,D)
    torch.testing.assert_close(model(images)[0], expected.flatten(1, 2), atol=1e-12, rtol=0)
    model.load_state_dict(other.state_dict(), strict=True)
