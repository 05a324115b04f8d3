from __future__ import annotations

import sys
from io import BytesIO, TextIOWrapper

import pytest

from mmmim.commands.terminal import print_in_any_locale


def test_output_escapes_what_the_locale_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, encoding="ascii"))
    print_in_any_locale()
    print("70.0 ± 0.3", flush=True)
    assert written.getvalue() == b"70.0 \\xb1 0.3\n"
