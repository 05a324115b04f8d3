from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.datasets.sources import open_source
from mmmim.errors import UsageError


def test_shards_of_two_kinds(tmp_path: Path) -> None:
    for name in ("a.tar", "b.parquet"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"holds 1 \.tar and 1 \.parquet files|holds 1 \.parquet and 1 \.tar files"):
        open_source(str(tmp_path))
