from .color import ColorBinTarget, ColorClusterTarget
from .dense import DenseTarget
from .hog import HOGTarget
from .integrated_zoom import IntegratedZoomTarget
from .pixel import PixelTarget
from .token import TokenTarget

__all__ = [
    "ColorBinTarget",
    "ColorClusterTarget",
    "DenseTarget",
    "HOGTarget",
    "IntegratedZoomTarget",
    "PixelTarget",
    "TokenTarget",
]
