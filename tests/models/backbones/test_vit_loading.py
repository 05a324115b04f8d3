import pytest
import torch
from small_vit import vit
from torch import Tensor, nn

SMALL = dict(embed_dims=48, depth=3, num_heads=4)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 32, 64)  # 4x8 patches


def test_position_table_is_resized_on_load(images: Tensor) -> None:
    source, target = vit(img_size=(32, 32)), vit(img_size=(64, 64))
    missing, unexpected = target.load_state_dict(source.state_dict(), strict=False)
    assert not missing and not unexpected
    old = source.pos_embed[:, 1:].unflatten(1, (4, 4)).permute(0, 3, 1, 2)
    new = nn.functional.interpolate(old, (8, 8), mode="bicubic", align_corners=False)
    torch.testing.assert_close(target.pos_embed[:, 1:], new.flatten(2).transpose(1, 2))
    assert target.pos_embed[:, 0].equal(source.pos_embed[:, 0])


def test_a_non_square_checkpoint_needs_its_image_size() -> None:
    source = vit().state_dict()
    with pytest.raises(ValueError, match="pretrain_img_size"):
        vit(img_size=(64, 64)).load_state_dict(source)
    vit(img_size=(64, 64), pretrain_img_size=(32, 64)).load_state_dict(source)
