from __future__ import annotations

from pathlib import Path

from mmmim.config.origin import OPTIONS, origins


def test_the_last_file_that_sets_a_key_is_its_origin(chain: Path) -> None:
    assert origins(chain) == dict(
        sizes="base.py",
        model=dict(neck=dict(type="base.py", depth="run.py", width="run.py"), head="run.py", views="base.py"),
        train_cfg="base.py",
    )


def test_options_come_last_and_reach_into_lists(chain: Path) -> None:
    found = origins(chain, {"model.views.1.p": 0.5, "model.neck.depth": 3, "train_cfg.by_epoch": True})
    assert found["model"]["views"] == {"0": "base.py", "1": OPTIONS}  # type: ignore[index]
    assert found["model"]["neck"] == dict(type="base.py", depth=OPTIONS, width="run.py")  # type: ignore[index]
    assert found["train_cfg"] == dict(max_epochs="base.py", by_epoch=OPTIONS)
