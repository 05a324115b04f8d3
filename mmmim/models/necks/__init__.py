from .linear_decoder import LinearDecoder
from .mae_decoder import MAEDecoder
from .projector import ContrastProjector
from .vit_pyramid import ViTPyramid

__all__ = ["ContrastProjector", "LinearDecoder", "MAEDecoder", "ViTPyramid"]
