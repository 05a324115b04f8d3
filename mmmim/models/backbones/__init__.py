from .beit_vit import BEiTViT
from .swin import Swin
from .swin_v2 import SwinV2
from .vit import ViT

__all__ = ["BEiTViT", "Swin", "SwinV2", "ViT"]
