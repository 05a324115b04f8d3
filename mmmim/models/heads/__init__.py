from .cls_heads import LinearClsHead
from .contrastive import Align, InfoNCE
from .cross_entropy import CrossEntropyHead
from .integrated_zoom import IntegratedZoomHead
from .reconstruction import ReconstructionHead

__all__ = ["Align", "CrossEntropyHead", "InfoNCE", "IntegratedZoomHead", "LinearClsHead", "ReconstructionHead"]
