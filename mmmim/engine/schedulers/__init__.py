from .warmup import WarmupCosineLR, WarmupStepLR

__all__ = ["WarmupCosineLR", "WarmupStepLR"]
