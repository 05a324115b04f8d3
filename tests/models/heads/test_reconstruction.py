import pytest
import torch

from mmmim.models.heads import ReconstructionHead


def test_loss_of_the_target_itself_is_zero_and_matches_the_formula() -> None:
    prediction, target = torch.randn(2, 5, 7), torch.randn(2, 5, 7)
    loss = ReconstructionHead().loss(prediction, target)["loss_reconstruction"]
    assert loss.item() == pytest.approx((prediction - target).square().mean().item(), rel=1e-6)
    assert ReconstructionHead().loss(target, target)["loss_reconstruction"] == 0
    with pytest.raises(ValueError, match="did you mean 'smooth_l1'"):
        ReconstructionHead(loss="smoothl1")
