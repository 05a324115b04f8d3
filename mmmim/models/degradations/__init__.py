from .base import Degradation
from .blur import RandomKernelBlur
from .saturation import SaturationScale
from .sequence import DegradationSequence
from .warp import Fisheye, HorizontalWave
from .zoom import CenterInput, ZoomIn, ZoomOut

__all__ = [
    "CenterInput",
    "Degradation",
    "DegradationSequence",
    "Fisheye",
    "HorizontalWave",
    "RandomKernelBlur",
    "SaturationScale",
    "ZoomIn",
    "ZoomOut",
]
