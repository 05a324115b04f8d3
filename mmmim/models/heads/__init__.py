from .base import ClsHead, ContrastHead, Head
from .binary import BinaryCrossEntropyHead
from .cls_heads import LinearClsHead
from .contrastive import Align, InfoNCE
from .cross_entropy import CrossEntropyHead
from .integrated_zoom import IntegratedZoomHead
from .layerwise_cls_head import LayerwiseClsHead
from .patch_contrast import InstanceContrastHead, PatchContrastHead
from .reconstruction import ReconstructionHead

__all__ = [
    "Align",
    "BinaryCrossEntropyHead",
    "ClsHead",
    "ContrastHead",
    "CrossEntropyHead",
    "Head",
    "InfoNCE",
    "InstanceContrastHead",
    "IntegratedZoomHead",
    "LayerwiseClsHead",
    "LinearClsHead",
    "PatchContrastHead",
    "ReconstructionHead",
]
