from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from mmengine.optim import _ParamScheduler
from mmengine.optim.scheduler.param_scheduler import INF, OptimizerType

from mmmim.errors import UsageError
from mmmim.registry import PARAM_SCHEDULERS


class WarmupLR(_ParamScheduler):
    """A linear warm-up from an absolute lr to the group's own, then :meth:`after_warmup`, in closed form of the step.

    Nothing is accumulated, so the lr of step t equals the formula to the last bit, resumed or not. With several
    groups (layer decay) ``warmup_lr`` is the same for all of them, and the peak is each group's own lr.

    Args:
        warmup: The length W of the warm-up in epochs, or in iterations with ``by_epoch=False``. Like ``begin`` and
            ``end`` it is converted to iterations with ``convert_to_iter_based=True``.
        warmup_lr: The lr of the first step; it is scaled with the batch as the optimizer's lr is.
        ends_at_peak: Whether the warm-up reaches the peak in its last step (BEiT: t / (W - 1)) or in the first step
            after it (timm, SimMIM: t / W).
    """

    lengths: tuple[str, ...] = ("begin", "end", "warmup")  # arguments in epochs that are converted to iterations

    def __init__(
        self,
        optimizer: OptimizerType,
        warmup: float,
        warmup_lr: float = 0.0,
        ends_at_peak: bool = False,
        begin: int = 0,
        end: int = INF,
        **kwargs: Any,
    ) -> None:
        for name, value in (("warmup", warmup), ("warmup_lr", warmup_lr)):
            if value < 0:
                raise UsageError(f"{name}={value} must not be negative")
        if end >= INF:
            raise UsageError("end is missing: the schedule has to know the length of the run")
        self.warmup, self.warmup_lr, self.ends_at_peak = warmup, warmup_lr, ends_at_peak
        super().__init__(optimizer, "lr", begin, end, **kwargs)

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, epoch_length: int, by_epoch: bool = True, **kwargs: Any) -> WarmupLR:
        """Build the scheduler with its lengths converted from epochs to iterations, as MMEngine asks for."""
        if not by_epoch:
            raise UsageError("convert_to_iter_based=True needs by_epoch=True: lengths in epochs")
        for name in cls.lengths:
            if isinstance(value := kwargs.get(name), Sequence):
                kwargs[name] = [int(each * epoch_length) for each in value]
            elif value is not None and value < INF:
                kwargs[name] = int(value * epoch_length)
        return cls(*args, by_epoch=False, **kwargs)

    @abstractmethod
    def after_warmup(self, step: int, peak: float) -> float:
        """Return the lr of a step after the warm-up, for a group whose own lr is ``peak``."""

    def _get_value(self) -> list[float]:
        return [self._lr(self.last_step, peak) for peak in self.base_values]

    def _lr(self, step: int, peak: float) -> float:
        if step >= self.warmup:
            return self.after_warmup(step, peak)
        last = max(self.warmup - 1, 1) if self.ends_at_peak else self.warmup
        return self.warmup_lr + step * (peak - self.warmup_lr) / last


@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(WarmupLR):
    """A warm-up of W steps, then ``min_lr + (peak - min_lr) (1 + cos(pi u)) / 2``.

    u = t / T counts from the start of the run, as in SimMIM's code (timm without ``warmup_prefix``): the lr drops
    at the end of the warm-up, to 0.977 of the peak for 10 epochs of 100. With ``count_from_zero=False`` u is
    (t - W) / (T - W), the usual half cosine from the peak. T = ``end - begin``; ``min_lr`` is absolute, the
    same for all groups.
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        warmup: float,
        warmup_lr: float = 0.0,
        min_lr: float = 0.0,
        count_from_zero: bool = True,
        **kwargs: Any,
    ) -> None:
        if min_lr < 0:
            raise UsageError(f"min_lr={min_lr} must not be negative")
        self.min_lr, self.count_from_zero = min_lr, count_from_zero
        super().__init__(optimizer, warmup, warmup_lr, **kwargs)

    def after_warmup(self, step: int, peak: float) -> float:
        start = 0 if self.count_from_zero else self.warmup
        turn = math.pi * (step - start) / (self.end - self.begin - start)
        return self.min_lr + (peak - self.min_lr) * (1 + math.cos(turn)) / 2


@PARAM_SCHEDULERS.register_module()
class WarmupStepLR(WarmupLR):
    """A warm-up, then the peak, multiplied by ``gamma`` at each milestone (counted from the start, like ``warmup``)."""

    lengths = (*WarmupLR.lengths, "milestones")

    def __init__(
        self,
        optimizer: OptimizerType,
        warmup: float,
        warmup_lr: float = 0.0,
        milestones: Sequence[float] = (),
        gamma: float = 0.1,
        **kwargs: Any,
    ) -> None:
        if list(milestones) != sorted(milestones) or any(milestone < warmup for milestone in milestones):
            raise UsageError(f"milestones={list(milestones)} must increase and lie after the warm-up of {warmup}")
        self.milestones, self.gamma = list(milestones), gamma
        super().__init__(optimizer, warmup, warmup_lr, **kwargs)

    def after_warmup(self, step: int, peak: float) -> float:
        return peak * self.gamma ** bisect_right(self.milestones, step)
