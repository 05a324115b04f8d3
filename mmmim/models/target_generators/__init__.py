from .base import EncoderTarget, TargetGenerator
from .color import ColorBinTarget, ColorClusterTarget
from .dense import DenseTarget
from .hog import HOGTarget
from .integrated_zoom import IntegratedZoomTarget
from .momentum_encoder import MomentumEncoder
from .pixel import PixelTarget
from .replaced_token import ReplacedTokenTarget
from .token import TokenTarget

__all__ = [
    "ColorBinTarget",
    "ColorClusterTarget",
    "DenseTarget",
    "EncoderTarget",
    "HOGTarget",
    "IntegratedZoomTarget",
    "MomentumEncoder",
    "PixelTarget",
    "ReplacedTokenTarget",
    "TargetGenerator",
    "TokenTarget",
]
