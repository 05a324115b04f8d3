from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from other_containers import table_of, write_parquet

from mmmim.datasets.sources import open_source, parquet
from mmmim.datasets.sources.parquet import ParquetRows
from mmmim.errors import UsageError


@pytest.fixture
def rows(class_folder: Path, tmp_path: Path) -> ParquetRows:
    write_parquet(table_of(class_folder, ("ant", "bee", "cat")), tmp_path / "made" / "0000.parquet")
    opened = open_source(str(tmp_path / "made"))
    assert isinstance(opened, ParquetRows)
    return opened


def test_groups_are_kept_up_to_a_size_and_read_again_after_it(
    rows: ParquetRows, class_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [path.read_bytes() for path in sorted(class_folder.glob("*/*.png"))]
    assert sorted(rows.read(number) for number in range(len(rows))) == sorted(images)
    kept = len(rows._groups)
    monkeypatch.setattr(parquet, "KEPT_BYTES", 1)
    fresh = pickle.loads(pickle.dumps(rows))
    assert kept > 1 and fresh._groups == {}
    assert sorted(fresh.read(number) for number in range(len(fresh))) == sorted(images) and len(fresh._groups) == 1


def test_large_groups_are_remarked_on(class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(parquet, "print_log", lambda text, **_: told.append(text))
    monkeypatch.setattr(parquet, "SLOW_ROWS", 1)
    write_parquet(table_of(class_folder, ("ant", "bee", "cat")), tmp_path / "0000.parquet")
    open_source(str(tmp_path / "0000.parquet"))
    assert len(told) == 1 and "rows, also for a single image; pack it once" in told[0]


def test_a_cut_file_is_one_line(class_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "0000.parquet"
    write_parquet(table_of(class_folder, ("ant", "bee", "cat")), file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UsageError, match=r"is no Parquet file, or a damaged one .*copy it again"):
        open_source(str(file))
