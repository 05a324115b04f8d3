from __future__ import annotations

import pytest
import torch

from mmmim.errors import UsageError
from mmmim.models.necks import LinearDecoder


@pytest.mark.parametrize("depth", [1, 2])
def test_values_of_chosen_patches_are_those_of_all(depth: int) -> None:
    decoder, latent = (
        LinearDecoder(6, 5, depth=depth, num_prefix=1),
        torch.randn(2, 1 + 4, 6),
    )
    where = torch.tensor([[3, 0], [1, 2]])
    every = decoder(latent)
    assert every.shape == (2, 4, 5)
    torch.testing.assert_close(decoder(latent, where=where), torch.stack([every[0, [3, 0]], every[1, [1, 2]]]))


def test_the_prefix_does_not_matter() -> None:
    decoder, latent = LinearDecoder(6, 5, num_prefix=1), torch.randn(2, 5, 6)
    other = latent.clone()
    other[:, 0] += 1
    assert decoder(latent).equal(decoder(other))


def test_weights_of_beit() -> None:
    layer = LinearDecoder(6, 500, init="beit").layers[0]
    assert layer.weight.abs().max() <= 0.02 and not layer.bias.any()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (dict(depth=3), r"depth=3 must be 1 \(linear\) or 2 \(MLP\)"),
        (dict(init="xavier"), r"init='xavier' is unknown"),
        (
            dict(max_params=34),
            r"would have 35 parameters for 5 outputs per patch .*set target_generator\.downsample",
        ),
    ],
)
def test_bad_arguments(options: dict, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        LinearDecoder(6, 5, **options)
