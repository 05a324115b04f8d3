from .autocast import AutocastOptimWrapper
from .hooks import (
    BadFileReportHook,
    BufferedRuntimeInfoHook,
    MetaHook,
    NonFiniteLossHook,
    PretrainedReportHook,
    ResumeHook,
    SafeCheckpointHook,
    StepLossHook,
    StepSeedHook,
    StepTimerHook,
)
from .log_processor import ThroughputLogProcessor
from .loops import EpochTrainLoop
from .optimizers import LARS, LayerDecayOptimWrapperConstructor
from .schedulers import WarmupCosineLR, WarmupStepLR
from .sharding import GatherHook, ShardedDataParallel

__all__ = [
    "LARS",
    "AutocastOptimWrapper",
    "BadFileReportHook",
    "BufferedRuntimeInfoHook",
    "EpochTrainLoop",
    "GatherHook",
    "LayerDecayOptimWrapperConstructor",
    "MetaHook",
    "NonFiniteLossHook",
    "PretrainedReportHook",
    "ResumeHook",
    "SafeCheckpointHook",
    "ShardedDataParallel",
    "StepLossHook",
    "StepSeedHook",
    "StepTimerHook",
    "ThroughputLogProcessor",
    "WarmupCosineLR",
    "WarmupStepLR",
]
