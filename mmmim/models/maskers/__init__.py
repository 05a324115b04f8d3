from .base import BaseMasker
from .block_masker import BlockMasker
from .importance_masker import ImportanceMasker
from .random_masker import RandomMasker
from .square_masker import SquareMasker

__all__ = ["BaseMasker", "BlockMasker", "ImportanceMasker", "RandomMasker", "SquareMasker"]
