from .epoch import EpochTrainLoop

__all__ = ["EpochTrainLoop"]
