from .base import Corrupted, Generator
from .erasing_generator import ErasingGenerator
from .pixel_generator import PixelGenerator
from .sampling import sample_tokens
from .small_beit import SmallBEiT
from .token_generator import TokenGenerator

__all__ = [
    "Corrupted",
    "ErasingGenerator",
    "Generator",
    "PixelGenerator",
    "SmallBEiT",
    "TokenGenerator",
    "sample_tokens",
]
