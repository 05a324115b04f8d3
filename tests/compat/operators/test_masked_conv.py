from __future__ import annotations

import pytest
import torch
from mmcv.ops import (
    MaskedConv2d,
)


@pytest.mark.filterwarnings("ignore:This overload of addmm")
def test_masked_convolution_is_a_convolution_where_the_mask_is() -> None:
    layer = MaskedConv2d(3, 4, (3, 5), padding=(1, 2)).eval()
    images, mask = torch.randn(1, 3, 6, 7), torch.rand(1, 6, 7) > 0.5
    with torch.no_grad():
        torch.testing.assert_close(layer(images, mask.float()), layer(images) * mask)
