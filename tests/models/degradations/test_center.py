from __future__ import annotations

import torch
import torch.nn.functional as F
from degraded import SIZE, pictures

from mmmim.models.degradations import CenterInput


def test_center_input() -> None:
    crops = pictures(2, (96, 96))
    degradation = CenterInput(64)
    assert torch.equal(degradation(crops), crops[:, :, 16:80, 16:80])
    torch.testing.assert_close(degradation.clean(crops), F.interpolate(crops, SIZE, mode="area"))
    assert CenterInput(64, target="crop").clean(crops) is crops
