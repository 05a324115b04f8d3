from .cls_heads import LinearClsHead
from .contrastive import Align, InfoNCE
from .cross_entropy import CrossEntropyHead
from .reconstruction import ReconstructionHead

__all__ = ["Align", "CrossEntropyHead", "InfoNCE", "LinearClsHead", "ReconstructionHead"]
