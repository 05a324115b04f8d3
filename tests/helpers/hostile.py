"""Objects whose pickles ask for a call that leaves a marker file behind."""

from __future__ import annotations

import builtins
import collections
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch


class Asks:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def hostile(marker: Path) -> dict[str, Any]:
    """Return objects by the function that they ask to call; each would write ``marker`` or end the process."""
    write, shell = f"open({str(marker)!r}, 'w').close()", f"touch {marker}"
    inner = pickle.dumps(Asks(eval, write))
    return {
        "os.system": Asks(os.system, shell),
        "os.mkdir": Asks(os.mkdir, str(marker)),
        "eval": Asks(eval, write),
        "exec": Asks(exec, write),
        "compile": Asks(eval, Asks(compile, write, "a", "exec")),
        "getattr": Asks(getattr, Asks(eval, write), "real"),
        "import": Asks(builtins.__import__, "antigravity"),
        "open": Asks(open, str(marker), "w"),
        "subprocess": Asks(subprocess.call, ["touch", str(marker)]),
        "pickle.loads": Asks(pickle.loads, inner),
        "torch.load": Asks(torch.load, str(marker)),
        "_load_from_bytes": Asks(torch.storage._load_from_bytes, inner),
        "map": Asks(collections.deque, Asks(map, Asks(eval, write), [1])),
        "sys.exit": Asks(sys.exit, 3),
    }
