"""A stand-in for ``mmcv._ext``, the compiled half of mmcv, that uses the kernels of torch and torchvision.

``mmdet.models`` cannot be imported without ``mmcv._ext``, and mmcv's source distribution usually installs
without it. The finder below is the last one on ``sys.meta_path``, so a compiled extension is always preferred. The
operators that almost all models of mmdet and mmseg call are in :mod:`mmmim.compat.operators`; every other name exists,
as ``mmcv.ops`` looks them up while importing, and raises when called.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn

from mmmim.errors import MissingOperatorError

MODULE = "mmcv._ext"


def _missing_operator(name: str) -> Callable[..., NoReturn]:
    if name.startswith("__"):
        raise AttributeError(f"module {MODULE!r} has no attribute {name!r}")

    def missing(*args: Any, **kwargs: Any) -> NoReturn:
        raise MissingOperatorError(
            f"op {name} needs compiled mmcv, as torchvision has none like it: use a model without it "
            "(docs/downstream.md names those that call it), or install mmcv with compiled operators "
            "(docs/dependencies.md)"
        )

    return missing


class TorchvisionOpsFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``mmcv._ext`` for ``mmcv.ops`` if no finder before it on ``sys.meta_path`` does."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of the stand-in if ``mmcv.ops`` asks for ``mmcv._ext``.

        MMEngine asks, too, and would import all operators to compare the parts of a model with them.
        """
        if fullname != MODULE or "mmcv.ops" not in sys.modules:
            return None
        return importlib.machinery.ModuleSpec(MODULE, self, origin="torchvision operators (mmmim.compat)")

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with the operators of this package."""
        from .operators import OPERATORS  # imports torchvision, which takes a while

        for operator in OPERATORS:
            setattr(module, operator.__name__, operator)
        module.__getattr__ = _missing_operator  # type: ignore[method-assign]


def install() -> None:
    """Add the finder to ``sys.meta_path``, unless it is there already."""
    if not any(isinstance(finder, TorchvisionOpsFinder) for finder in sys.meta_path):
        sys.meta_path.append(TorchvisionOpsFinder())
