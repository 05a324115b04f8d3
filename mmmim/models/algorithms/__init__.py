from .ccmim import CCMIM
from .masked_image_model import MaskedImageModel

__all__ = ["CCMIM", "MaskedImageModel"]
