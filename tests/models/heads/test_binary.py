from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from small_cim import REVDET, build, pictures


def test_revdet_scores_all_tokens() -> None:
    model, images = build(objective=REVDET), pictures()
    torch.manual_seed(5)
    losses = model.loss(images)
    torch.manual_seed(5)
    model.set_step(0, 0)
    made = model.corrupt(images, model.draw_mask(images))
    logits = model.neck(model.backbone(made.images)[-1]).squeeze(-1)
    expected = F.binary_cross_entropy_with_logits(logits, made.replaced.flatten(1).float())
    assert logits.shape == (2, 24)
    assert losses["loss_replaced"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert losses["accuracy"].item() == pytest.approx(
        100 * ((logits > 0) == made.replaced.flatten(1)).float().mean().item()
    )
