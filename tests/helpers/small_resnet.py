from typing import Any

from torch import nn

from mmmim.models.backbones import ResNet

TINY: dict[str, Any] = dict(block="bottleneck", depths=(1, 2, 1, 1), channels=8)


def resnet(**options: Any) -> ResNet:
    return ResNet(
        **dict(dict(depth=TINY, img_size=(64, 96), in_channels=5, stem="3x3", mask_mode=None), **options)
    ).eval()


def lively(model: nn.Module) -> Any:
    """Double precision, and norms that are not the identity."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.double()
