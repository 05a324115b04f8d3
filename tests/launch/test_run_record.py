from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mmengine.config import Config

import mmmim
from mmmim.config.origin import origins
from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.launch.prepare import Settings, prepare
from mmmim.launch.run_record import RECORD, command_line, effective_origins, read_record

CONFIG = "configs/mae/vit-tiny_toy.py"
FEW = {
    "model.backbone.arch": dict(_delete_=True, embed_dims=16, depth=1, num_heads=2),
    "model.neck.dims": 16,
    "model.neck.depth": 1,
    "model.neck.num_heads": 2,
    "train_dataloader.dataset.num_images": 16,
    "train_dataloader.batch_size": 8,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
}


def test_every_start_of_a_run_leaves_its_record(tmp_path: Path) -> None:
    work_dir = tmp_path / "run"
    mmmim.train("mae/vit-tiny_toy", epochs=1, work_dir=work_dir, cfg_options=FEW)
    (folder,) = (file.parent for file in work_dir.glob(f"*/{RECORD}"))
    record = read_record(folder)
    assert record is not None
    assert (
        record.command == f"mmmim.train('mae/vit-tiny_toy', work_dir={str(work_dir)!r}, cfg_options={FEW!r}, epochs=1)"
    )
    assert record.config.endswith(CONFIG) and record.started.endswith("+00:00")
    assert record.facts["length"] == "1 epochs, 2 steps" and record.facts["data"] == "16 of ToyImages"
    assert record.versions["torch"] and record.machine["cores"] >= 1
    assert record.origins["model"]["neck"]["depth"] == "command line"
    assert record.origins["train_dataloader"]["dataset"]["num_images"] == "command line"


def test_origins_of_a_prepared_config_name_files_and_the_command_line() -> None:
    cfg = load_config(CONFIG, {"model.masker.mask_ratio": 0.6})
    assert effective_origins(load_config(CONFIG))["model"] == origins(CONFIG)["model"]
    found = effective_origins(prepare(cfg, Settings(epochs=3)).cfg)
    stated = Config.fromfile(CONFIG)
    assert found["model"]["masker"]["mask_ratio"] == "command line"  # type: ignore[index,call-overload]
    assert found["train_cfg"]["max_epochs"] == "command line"  # type: ignore[index,call-overload]
    assert found["custom_hooks"] == origins(CONFIG)["custom_hooks"] and set(stated) <= set(found)


def test_a_config_built_in_python_has_no_origins() -> None:
    assert effective_origins(Config(dict(model=dict(type="A")))) == {}


@pytest.mark.parametrize(
    ("argv", "processes", "expected"),
    [
        (["tools/train.py", "a.py", "--data", "my pictures"], 1, "python tools/train.py a.py --data 'my pictures'"),
        (["mmmim train", "mae/a", "--epochs", "2"], 1, "mmmim train mae/a --epochs 2"),
        (
            ["tools/train.py", "a.py", "--epochs", "2", "--launcher", "pytorch"],
            8,
            "bash tools/dist_train.sh a.py 8 --epochs 2",
        ),
    ],
)
def test_the_command_is_the_one_that_was_called(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], processes: int, expected: str
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert command_line(processes) == expected


def test_a_record_that_is_missing_or_torn_is_none_and_a_foreign_one_is_named(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    (tmp_path / RECORD).write_text('{"command": "mm', encoding="utf-8")
    assert read_record(tmp_path) is None
    (tmp_path / RECORD).write_text('{"other": 1}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"run\.json: no record of a run of mmmim"):
        read_record(tmp_path)
