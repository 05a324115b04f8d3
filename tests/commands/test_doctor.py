from __future__ import annotations

import pytest

from mmmim.commands import doctor


@pytest.mark.parametrize(("both", "expected"), [(True, 1), (False, 0)])
def test_two_builds_of_opencv_are_noted_with_the_repair(
    both: bool, expected: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"opencv-python-headless": "5.0", **({"opencv-python": "5.0"} if both else {})}
    monkeypatch.setattr(doctor, "installed", found.get)
    doctor.check_operators()
    repair = "pip uninstall -y opencv-python opencv-python-headless && pip install opencv-python-headless"
    assert capsys.readouterr().out.count(repair) == expected


def test_a_missing_extra_is_a_note_and_a_missing_library_a_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "installed", lambda name: None)
    monkeypatch.setattr(doctor, "problems", [])
    doctor.check_openmmlab()
    out = capsys.readouterr().out
    assert "[ note  ] mmseg is not installed; its tasks need pip install 'mmmim[seg]'" in out
    assert "[problem] mmcv is not installed: pip install onedl-mmcv" in out
    assert len(doctor.problems) == 2
