"""An example of your own method in one folder; the config imports it by ``custom_imports``."""

from .algorithm import MeanMatchingMIM
from .masker import CheckerboardMasker
from .target import LowPassTarget

__all__ = ["CheckerboardMasker", "LowPassTarget", "MeanMatchingMIM"]
