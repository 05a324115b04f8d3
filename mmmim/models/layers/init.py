from __future__ import annotations

from torch import nn


def xavier_linear_(module: nn.Module) -> None:
    """Initialise every linear layer inside as MAE does: Xavier-uniform weights, zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


def beit_linear_(module: nn.Module) -> None:
    """Initialise every linear layer inside as BEiT does: N(0, 0.02) cut at one deviation, zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.02, b=0.02)
            nn.init.zeros_(layer.bias)
