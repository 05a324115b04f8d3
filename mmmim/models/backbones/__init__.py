from mmmim.models.backbones import layer_decay_guard as layer_decay

from .beit_vit import BEiTViT
from .resnet import ResNet
from .swin import Swin
from .swin_v2 import SwinV2
from .vit import ViT

__all__ = ["BEiTViT", "ResNet", "Swin", "SwinV2", "ViT"]

layer_decay.install()
