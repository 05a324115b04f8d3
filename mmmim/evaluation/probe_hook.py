from __future__ import annotations

from typing import Any

from mmmim.errors import UsageError
from mmmim.registry import HOOKS

from .encoder_monitor import LabelledMonitor
from .features import Features

C = 1e-2  # what `mmmim probe` finds best in most cases, so that it need not be searched for in each evaluation


@HOOKS.register_module()
class ProbeHook(LabelledMonitor):
    """A hook that logs the accuracy of a linear probe of the encoder during pre-training as ``probe/top1``, in percent.

    The probe is that of ``tools/probe.py`` with a fixed strength, fitted anew in each evaluation on the features of the
    bank; nothing of it reaches the encoder.

    Args:
        c: Inverse L2 strength of the logistic regression (scikit-learn's ``C``).
        options: See :class:`~.encoder_monitor.LabelledMonitor`: ``data``, ``interval`` and others.
    """

    option = "--probe "

    def __init__(self, *args: Any, c: float = C, **options: Any) -> None:
        super().__init__(*args, **options)
        if c <= 0:
            raise UsageError(f"c: {c} must be positive.")
        self.c = c

    def compare(self, bank: Features, queries: Features) -> dict[str, float]:
        from .probe import linear_probe

        return {"probe/top1": linear_probe(*bank, *queries, c=self.c)}
