from .color import ColorBinTarget, ColorClusterTarget
from .dense import DenseTarget
from .hog import HOGTarget
from .pixel import PixelTarget
from .token import TokenTarget

__all__ = ["ColorBinTarget", "ColorClusterTarget", "DenseTarget", "HOGTarget", "PixelTarget", "TokenTarget"]
