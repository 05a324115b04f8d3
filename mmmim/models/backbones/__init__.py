from .swin import Swin
from .swin_v2 import SwinV2
from .vit import ViT

__all__ = ["Swin", "SwinV2", "ViT"]
