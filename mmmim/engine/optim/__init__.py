from .autocast import AutocastOptimWrapper
from .lars import LARS
from .layer_decay import LayerDecayOptimWrapperConstructor
from .schedules import WarmupCosineLR, WarmupStepLR

__all__ = ["LARS", "AutocastOptimWrapper", "LayerDecayOptimWrapperConstructor", "WarmupCosineLR", "WarmupStepLR"]
