from .base import BaseMasker, RatioMasker, ScoredMasker
from .block_masker import BlockMasker
from .center_masker import CenterMasker
from .importance_masker import ImportanceMasker
from .random_masker import RandomMasker
from .square_masker import SquareMasker

__all__ = [
    "BaseMasker",
    "BlockMasker",
    "CenterMasker",
    "ImportanceMasker",
    "RandomMasker",
    "RatioMasker",
    "ScoredMasker",
    "SquareMasker",
]
