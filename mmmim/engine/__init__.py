from .autocast import AutocastOptimWrapper
from .hooks import (
    BadFileReportHook,
    BufferedRuntimeInfoHook,
    MetaHook,
    NonFiniteLossHook,
    PretrainedReportHook,
    SafeCheckpointHook,
    StepLossHook,
    StepSeedHook,
    StepTimerHook,
)
from .log_processor import ThroughputLogProcessor
from .loops import EpochTrainLoop
from .optimizers import LARS, LayerDecayOptimWrapperConstructor
from .schedulers import WarmupCosineLR, WarmupStepLR

__all__ = [
    "LARS",
    "AutocastOptimWrapper",
    "BadFileReportHook",
    "BufferedRuntimeInfoHook",
    "EpochTrainLoop",
    "LayerDecayOptimWrapperConstructor",
    "MetaHook",
    "NonFiniteLossHook",
    "PretrainedReportHook",
    "SafeCheckpointHook",
    "StepLossHook",
    "StepSeedHook",
    "StepTimerHook",
    "ThroughputLogProcessor",
    "WarmupCosineLR",
    "WarmupStepLR",
]
