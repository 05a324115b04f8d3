import pytest
import torch

from mmmim.models.necks import ContrastProjector


def test_projector_refuses_a_batch_of_one_in_training_only() -> None:
    projector = ContrastProjector(8, out_dims=4)
    with pytest.raises(ValueError, match="batch_size=1"):
        projector.train()(torch.randn(1, 8))
    assert projector.eval()(torch.randn(1, 8)).shape == (1, 4)
    assert ContrastProjector(8, norm="none").train()(torch.randn(1, 8)).shape == (1, 256)
    assert all(p.ndim == 2 or "layers.1" in n for n, p in projector.named_parameters())  # no biases, last BN plain
