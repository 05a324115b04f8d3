from __future__ import annotations

from torch import nn


def xavier_linear_(module: nn.Module) -> None:
    """MAE's initialisation of every linear layer inside: Xavier-uniform weights, zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
