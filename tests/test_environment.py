from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mmmim import environment


def test_versions_are_those_of_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment.versions(("pytest",))
    assert found["torch"] == version("torch") and found["timm"] == version("timm") and found["pytest"]
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package"))
    assert list(environment.versions()) == ["python", "torch"]


def test_the_processor_is_told_where_the_system_names_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment.platform, "processor", lambda: "")
    monkeypatch.setattr(environment.platform, "machine", lambda: "riscv64")
    (tmp_path / "cpuinfo").write_text("hart\t: 0\n", encoding="utf-8")
    for place in (tmp_path / "cpuinfo", tmp_path / "not there"):
        monkeypatch.setattr(environment, "Path", lambda _, place=place: place)
        assert environment.processor() == "riscv64"


@pytest.mark.parametrize("tracked", [True, False])
def test_a_commit_is_that_of_the_code_and_not_of_a_repository_around_it(tmp_path: Path, tracked: bool) -> None:
    package = tmp_path / "mmmim"
    package.mkdir()
    for name in ("environment.py", "__init__.py"):
        (package / name).write_bytes(Path(environment.__file__).read_bytes() if name == "environment.py" else b"")
    git = [str(shutil.which("git")), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "other.txt").write_text("", encoding="utf-8")
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*git, "add", "." if tracked else "other.txt"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-qm", "first"], cwd=tmp_path, check=True)
    code = "from mmmim.environment import code_commit; print(code_commit())"

    def commit() -> str:
        shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return shown.stdout.strip()

    if not tracked:
        assert commit() == "None"
        return
    assert re.fullmatch("[0-9a-f]{7,}", commit())
    (package / "__init__.py").write_text("changed = True\n", encoding="utf-8")
    assert re.fullmatch(r"[0-9a-f]{7,}\+", commit())
