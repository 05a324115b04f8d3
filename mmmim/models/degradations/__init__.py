from .base import Degradation
from .blur import RandomKernelBlur
from .center import CenterInput
from .photometric import PhotometricView
from .saturation import SaturationScale
from .sequence import DegradationSequence, build_degradation
from .warp import Fisheye, HorizontalWave
from .zoom import ZoomIn, ZoomOut

__all__ = [
    "CenterInput",
    "Degradation",
    "DegradationSequence",
    "Fisheye",
    "HorizontalWave",
    "PhotometricView",
    "RandomKernelBlur",
    "SaturationScale",
    "ZoomIn",
    "ZoomOut",
    "build_degradation",
]
