from .autocast import AutocastOptimWrapper
from .lars import LARS
from .layer_decay import LayerDecayOptimWrapperConstructor
from .merged_groups import MergedOptimWrapperConstructor
from .schedules import WarmupCosineLR, WarmupStepLR

__all__ = [
    "LARS",
    "AutocastOptimWrapper",
    "LayerDecayOptimWrapperConstructor",
    "MergedOptimWrapperConstructor",
    "WarmupCosineLR",
    "WarmupStepLR",
]
