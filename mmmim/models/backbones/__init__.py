from mmmim.models.backbones import layer_decay_guard as layer_decay

from .base import Encoder
from .beit_vit import BEiTViT
from .resnet import ResNet
from .staged import StagedEncoder
from .swin import Swin
from .swin_v2 import SwinV2
from .timm_model import TimmModel
from .transformers_model import TransformersModel
from .vit import ViT

__all__ = [
    "BEiTViT",
    "Encoder",
    "ResNet",
    "StagedEncoder",
    "Swin",
    "SwinV2",
    "TimmModel",
    "TransformersModel",
    "ViT",
]

layer_decay.install()
