from .ccmim import CCMIM
from .cim import CIM
from .conmim import ConMIM
from .dvae import DVAE
from .masked_image_model import MaskedImageModel

__all__ = ["CCMIM", "CIM", "DVAE", "ConMIM", "MaskedImageModel"]
