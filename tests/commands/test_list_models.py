from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mmmim.apis import weights

pytestmark = pytest.mark.usefixtures("own_cache_folder")


def test_the_command_lists_figures_with_their_source(
    publish: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmmim.commands.list_models import main

    assert main(["mae/vit-b*"]) == 0
    assert "mae/vit-b_800e" in (out := capsys.readouterr().out) and "83.3 (published)" in out and "1 models" in out
    publish()
    monkeypatch.setattr("mmmim.apis.zoo.zoo", weights.zoo)
    assert main(["mae/*toy", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["weights"]["licence"] == "Apache-2.0" and told["results"][0]["Source"] == "ours"
    assert main(["mea/*"]) == 2
    assert "no model matches 'mea/*'" in capsys.readouterr().err
