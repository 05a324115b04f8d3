from __future__ import annotations

from pathlib import Path

from benchmark_figures import figures_of


def test_data(tmp_path: Path, capsys) -> None:
    found = figures_of(["data", "--num", "6", "--rounds", "2"], tmp_path)
    assert list(found) == ["decoder alone", "decoder and resize", "mmmim, files", "mmmim, packed as JPEG",
                           "mmmim, packed pixels"]  # fmt: skip
    assert all(len(each["cpu_s"]) == 2 and each["items"] == 6 for each in found.values())
    assert "| mmmim, files |" in capsys.readouterr().out
