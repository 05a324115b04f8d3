import io
import re
import threading

import pytest

from mmmim import progress
from mmmim.progress import track


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only where a test says so."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_half_minute(capsys, clock):
    steps = []
    for step in track([100, 200, 300, 400], "features of the test images", 1000, size=int):
        steps.append(step)
        clock[0] += 20
    assert steps == [100, 200, 300, 400]
    first, second = capsys.readouterr().err.splitlines()
    assert first == "features of the test images: 300 of 1,000 images, 8 images/s, 0:01:33 left"
    assert second == "features of the test images: 1,000 of 1,000 images, 12 images/s, 0:00:00 left"


def test_a_short_loop_is_quiet_in_a_log(capsys, clock):
    assert list(track("abc", "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_and_no_thread(monkeypatch):
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_BARS", 0)
    threads = threading.active_count()
    for _ in track(range(5), "features", 50, size=lambda _: 10):
        assert threading.active_count() == threads
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "features" in shown and "20/50 images" in shown and "50/50 images" in shown


def test_an_error_of_the_loop_arrives(capsys):
    def steps():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(track(steps(), "steps", 2))
