from __future__ import annotations

import torch

from mmmim.models.necks import InverseSwinDecoder


def test_inverse_swin_reaches_the_papers_totals() -> None:
    encoder = 86_725_304  # Swin-B with mask token
    with torch.device("meta"):
        for total, settings in (
            (115_164_245, {}),
            (174_750_963, dict(dims=128, depths=(2, 18, 2, 2), num_heads=(32, 16, 8, 4))),
        ):
            head = InverseSwinDecoder(1024, 3072, (6, 6), patch_size=32, **settings)
            assert encoder + sum(p.numel() for p in head.parameters()) == total
