from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mmmim.benchmark import peer
from mmmim.commands.benchmark import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("found", [None, "1.2.0"])
@pytest.mark.parametrize("kind", [["data", "--num", "1"], ["step", "simmim/swin-b_100e.py"]])
def test_a_missing_peer_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys, found: str | None, kind: list[str]
) -> None:
    def version(name: str) -> str:
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(peer, "version", version)
    assert main([*kind, "--peer", "mmpretrain"]) == 2
    message = capsys.readouterr().err
    assert ("not installed" if found is None else found) in message
    assert "pip install --no-deps onedl-mmpretrain==1.3.6" in message


def test_documentation_gives_the_same_command() -> None:
    assert peer.INSTALL.splitlines()[0] in (ROOT / "docs/performance.md").read_text(encoding="utf-8")
