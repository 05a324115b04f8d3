from __future__ import annotations

from typing import Any

import pytest

from mmmim.datasets.sources import open_source
from mmmim.errors import UsageError


def test_a_missing_pyarrow_is_named(made: Any, monkeypatch: Any) -> None:
    root = made("arrow")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"is read with pyarrow, which is missing .*pip install 'mmmim\[hf\]'"):
        open_source(str(root))
