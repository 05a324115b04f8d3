from .bad_files import BadFileReportHook
from .checkpoint import SafeCheckpointHook
from .compile_blocks import CompileBlocksHook
from .live_progress import LiveProgressHook
from .meta import MetaHook
from .momentum import MomentumUpdateHook
from .monitor import Monitor
from .nonfinite import NonFiniteLossHook
from .pretrained_report import PretrainedReportHook
from .resume import ResumeHook
from .runtime_info import BufferedRuntimeInfoHook
from .seg_labels import SegLabelCheckHook
from .step_losses import StepLossHook
from .step_seed import StepSeedHook
from .step_timer import StepTimerHook
from .tokenizer_training import TokenizerTrainingHook
from .watchdog import WatchdogHook

__all__ = [
    "BadFileReportHook",
    "BufferedRuntimeInfoHook",
    "CompileBlocksHook",
    "LiveProgressHook",
    "MetaHook",
    "MomentumUpdateHook",
    "Monitor",
    "NonFiniteLossHook",
    "PretrainedReportHook",
    "ResumeHook",
    "SafeCheckpointHook",
    "SegLabelCheckHook",
    "StepLossHook",
    "StepSeedHook",
    "StepTimerHook",
    "TokenizerTrainingHook",
    "WatchdogHook",
]
