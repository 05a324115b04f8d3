import io

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
    first, second = (" ".join(line.split()) for line in capsys.readouterr().err.splitlines())
    assert first == "features of the test images: 300 of 1000 images (30 %), 7.50 images/s, 01:33 left"
    assert second == "features of the test images: 1000 of 1000 images (100 %), 12.50 images/s, 00:00 left"


def test_a_short_loop_is_quiet_in_a_log(capsys, clock):
    assert list(track("abc", "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_is_removed(monkeypatch):
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    assert list(track(range(5), "features", 50, size=lambda _: 10)) == [0, 1, 2, 3, 4]
    shown = screen.getvalue().split("\r")
    assert "0 of 50 images (0 %)" in shown[1] and "left" in shown[1]
    assert not shown[-1].strip() and not shown[-2].strip()


def test_an_error_of_the_loop_arrives(capsys):
    def steps():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(track(steps(), "steps", 2))
