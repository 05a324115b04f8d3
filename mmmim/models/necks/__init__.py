from .attentive_pooling import AttentivePooling
from .base import GridNeck, Neck, Projector
from .inverse_swin import InverseSwinDecoder
from .linear_decoder import LinearDecoder
from .mae_decoder import MAEDecoder
from .probe_blocks import ProbeBlocks
from .projector import ContrastProjector, PatchProjector
from .simple_fpn import SimpleFPN
from .vit_pyramid import ViTPyramid

__all__ = [
    "AttentivePooling",
    "ContrastProjector",
    "GridNeck",
    "InverseSwinDecoder",
    "LinearDecoder",
    "MAEDecoder",
    "Neck",
    "PatchProjector",
    "ProbeBlocks",
    "Projector",
    "SimpleFPN",
    "ViTPyramid",
]
