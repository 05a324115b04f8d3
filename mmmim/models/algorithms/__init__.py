from .ccmim import CCMIM
from .conmim import ConMIM
from .masked_image_model import MaskedImageModel

__all__ = ["CCMIM", "ConMIM", "MaskedImageModel"]
