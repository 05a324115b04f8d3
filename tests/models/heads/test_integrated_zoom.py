from __future__ import annotations

import pytest

from mmmim.models.heads import IntegratedZoomHead
from mmmim.models.target_generators import IntegratedZoomTarget


def test_integrated_options_are_checked() -> None:
    with pytest.raises(ValueError, match="band_reduction='sum'"):
        IntegratedZoomHead(band_reduction="sum")
    with pytest.raises(ValueError, match="band_norm='none'"):
        IntegratedZoomTarget(band_norm="none")
