from .cls_heads import LinearClsHead
from .contrastive import Align, InfoNCE
from .reconstruction import ReconstructionHead

__all__ = ["Align", "InfoNCE", "LinearClsHead", "ReconstructionHead"]
