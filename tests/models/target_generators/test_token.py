from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.models.target_generators import TokenTarget
from mmmim.models.tokenizers import TinyDVAE

TINY = dict(type="mmmim.TinyDVAE")


def normalised(pixels: Tensor, target: TokenTarget) -> Tensor:
    return (pixels * 255 - target.mean) / target.std


def test_tokens_are_read_from_the_view_of_the_tokenizers_size() -> None:
    target = TokenTarget(TINY, patch_size=16)
    view = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    images = normalised(torch.zeros(2, 3, 64, 96), target)  # must not matter
    ids = target(images, token_images=normalised(view, target))  # (B,24,1)
    assert ids.squeeze(-1).equal(TinyDVAE().encode(view).flatten(1))
    where = torch.tensor([[3, 0], [23, 7]])
    assert target(images, where, token_images=normalised(view, target)).equal(ids.gather(1, where[..., None]))


def test_without_that_view_the_image_is_resized() -> None:
    target = TokenTarget(TINY, patch_size=16)
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    halved = F.interpolate(pixels, (32, 32), mode="bicubic", antialias=True).clamp(0, 1)
    same = target(normalised(pixels, target)).flatten() == TinyDVAE().encode(halved).flatten()
    assert same.float().mean() > 0.9  # normalising and back rounds


@pytest.mark.parametrize("size", [(64, 64), (32, 40), (28, 28)])
def test_a_view_of_another_size_is_refused(size: tuple[int, int]) -> None:
    target = TokenTarget(TINY, patch_size=16)
    with pytest.raises(ValueError, match=r"token grid and patch grid differ.*4 x 4 patches.*32 x 32 pixels") as error:
        target(torch.zeros(1, 3, 64, 64), token_images=torch.zeros(1, 3, *size))
    assert str(tuple(size)) in str(error.value) and "(64, 64)" in str(error.value)
