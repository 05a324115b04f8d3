from __future__ import annotations

import subprocess
import sys
from io import BytesIO, TextIOWrapper

import pytest

from mmmim.commands.terminal import print_in_any_locale, quiet_where_nobody_reads

MANY_LINES = """
from mmmim.commands.running import run_tool
run_tool(lambda: [print("a line of a table") for _ in range(100000)])
"""


def test_output_escapes_what_the_locale_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, encoding="ascii"))
    print_in_any_locale()
    print("70.0 ± 0.3", flush=True)
    assert written.getvalue() == b"70.0 \\xb1 0.3\n"


@pytest.mark.parametrize("code", ["from mmmim.commands.main import main; main(['--help'])", MANY_LINES])
def test_a_reader_that_leaves_ends_a_command_without_a_traceback(code: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1


def test_other_pipes_are_none_of_its_business() -> None:
    with pytest.raises(BrokenPipeError), quiet_where_nobody_reads():
        raise BrokenPipeError
