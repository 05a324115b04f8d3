from __future__ import annotations

from mmengine.hooks import Hook


class ReleasingHook(Hook):
    """Base class of hooks that take something from the process for a training: handlers of signals, threads.

    Other hooks hear of the end of a training in ``after_train``, which MMEngine does not call when a step raises.
    """

    def release(self) -> None:
        """Give back what ``before_train`` took; the Runner calls it however the training ends."""
        raise NotImplementedError
