from .hooks import (
    BadFileReportHook,
    BufferedRuntimeInfoHook,
    CompileBlocksHook,
    MetaHook,
    NonFiniteLossHook,
    PretrainedReportHook,
    ResumeHook,
    SafeCheckpointHook,
    StepLossHook,
    StepSeedHook,
    StepTimerHook,
    WatchdogHook,
)
from .internals import LazyVisualizer
from .log_processor import ThroughputLogProcessor
from .loops import EpochTrainLoop
from .optim import LARS, AutocastOptimWrapper, LayerDecayOptimWrapperConstructor, WarmupCosineLR, WarmupStepLR
from .sharding import GatherHook, ShardedDataParallel

__all__ = [
    "LARS",
    "AutocastOptimWrapper",
    "BadFileReportHook",
    "BufferedRuntimeInfoHook",
    "CompileBlocksHook",
    "EpochTrainLoop",
    "GatherHook",
    "LayerDecayOptimWrapperConstructor",
    "LazyVisualizer",
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
    "WatchdogHook",
]
