from __future__ import annotations

import importlib
from types import ModuleType

from mmmim.errors import UsageError


def need(target: str, *modules: str) -> list[ModuleType]:
    """Return imported modules that only an export needs.

    Raises:
        UsageError: Some are missing; the message has the command that installs them.
    """
    found, missing = [], []
    for name in modules:
        try:
            found.append(importlib.import_module(name))
        except ImportError as error:
            missing.append(name if error.name in (name, None) else f"{name} ({error})")
    if missing:
        raise UsageError(f"--to {target} needs {' and '.join(missing)}: pip install 'mmmim[export]'")
    return found
