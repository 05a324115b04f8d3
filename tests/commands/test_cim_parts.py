from __future__ import annotations

import pytest

from mmmim.commands import cim_parts

TOY = "cim/vit-tiny_respix_toy"


def test_each_part_of_a_step_has_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    assert cim_parts.main([TOY, "--batch-size", "2", "--steps", "1", "--dtype", "float32"]) == 0
    said = capsys.readouterr().out
    for part in ("encode", "generator", "optimizer", "together"):
        assert part in said.lower()


def test_another_precision_is_one_of_a_few(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cim_parts.parse_args([TOY, "--dtype", "float8"])
    assert "bfloat16" in capsys.readouterr().err


def test_a_config_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cim_parts.main(["cim/no-such_toy"]) == 2
    assert "no-such_toy" in capsys.readouterr().err
