from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mmmim.commands.list_models import HEADER, main

pytestmark = pytest.mark.usefixtures("own_cache_folder")


def test_a_row_has_method_backbone_epochs_and_figures_with_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mae/vit-b*"]) == 0
    head, row, end = capsys.readouterr().out.splitlines()
    assert tuple(head.split()) == HEADER
    assert row.split()[:5] == ["mae/vit-b_800e", "MAE", "vit-b", "800", "no"] and "83.3 (published)" in row
    assert end.startswith("1 models; ")


def test_a_method_is_chosen_by_either_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["*/vit-tiny*", "--method", "Beyond Masking"]) == 0
    by_name = capsys.readouterr().out
    assert main(["*/vit-tiny*", "--method", "beyond_masking"]) == 0
    assert by_name == capsys.readouterr().out and by_name.count("\nbeyond_masking/vit-tiny_") == 7
    assert main(["--method", "mee"]) == 2
    err = capsys.readouterr().err
    assert "--method='mee' is unknown; did you mean 'mae'" in err and err.count("\n") == 1


def test_weights_are_shown_with_size_and_licence(
    publish: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    publish(**{"Weights Size": 12_345_678})
    assert main(["--pretrained"]) == 0
    head, row, _ = capsys.readouterr().out.splitlines()
    assert "yes, 12.3 MB, Apache-2.0  k-NN Top 1 Accuracy 50.0 (ours)" in row
    assert row.index("yes") == head.index("weights")
    assert main(["mae/*toy", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["weights"]["licence"] == "Apache-2.0" and told["results"][0]["Source"] == "ours"
    assert told["config"] == "configs/mae/vit-tiny_toy.py"
    assert main(["mae/*", "--pretrained", "--method", "simmim"]) == 0
    assert "no weights of these models are published yet\n0 models" in capsys.readouterr().out


def test_a_pattern_without_a_model_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mae/vit-b_800"]) == 2
    err = capsys.readouterr().err
    assert "no model matches 'mae/vit-b_800'; did you mean 'mae/vit-b_800e'" in err and err.count("\n") == 1
