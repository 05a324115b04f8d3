import math

import torch
from torch import nn

from mmmim.models.layers.init import beit_linear_, xavier_linear_


def network() -> nn.Module:
    return nn.Sequential(
        nn.Linear(40, 60),
        nn.LayerNorm(60),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.Linear(60, 10)),
    )


def test_linear_layers_at_any_depth_start_as_in_mae() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    xavier_linear_(model)
    bound = math.sqrt(6 / 100)
    assert 0.95 * bound < model[0].weight.abs().max() <= bound and not model[0].bias.any()
    assert not model[2][1].weight.equal(before["2.1.weight"])
    assert model[2][0].weight.equal(before["2.0.weight"]) and model[1].weight.equal(before["1.weight"])


def test_weights_of_beit_are_cut_at_one_deviation() -> None:
    model = network()
    beit_linear_(model)
    weight = model[0].weight
    assert 0.019 < weight.abs().max() <= 0.02 and not model[0].bias.any()
    assert torch.isclose(weight.std(), torch.tensor(0.0108), rtol=0.05)  # 0.54 of the deviation before the cut
