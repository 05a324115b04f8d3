"""Files are read as they were written, and nothing in them is run."""

from __future__ import annotations

import argparse
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from mmmim.checkpoint.reader import read_bytes, read_file
from mmmim.checkpoint.unpickler import Inert
from mmmim.errors import MissingFileError, WeightsError

PLAIN: dict[str, Any] = dict(
    nothing=None,
    numbers=[1, -2.5, True, 1 + 2j, 10**30],
    text=("a", "ü", b"bytes"),
    nested=OrderedDict(a=dict(b={1, 2}, c=frozenset("x"))),
    counts=Counter({3: 2}),
    queue=deque([1, 2], maxlen=3),
    default=defaultdict(list, a=[1]),
    config=ConfigDict(a=dict(b=1)),
    array=np.arange(6.0).reshape(2, 3),
    strings=np.array(["a", "bc"]),
    scalar=np.float64(0.5),
    size=torch.Size([1, 2]),
    device=torch.device("cpu"),
    dtype=torch.bfloat16,
    cut=slice(1, 2),
)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_values_come_back(tmp_path: Path, name: str, zipped: bool) -> None:
    torch.save(PLAIN[name], tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_file(tmp_path / "a.pth")
    if isinstance(PLAIN[name], np.ndarray):
        np.testing.assert_array_equal(found, PLAIN[name])
    else:
        assert found == PLAIN[name]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
def test_tensors_come_back(tmp_path: Path, dtype: torch.dtype, zipped: bool) -> None:
    value = torch.arange(12).reshape(3, 4).to(dtype)
    state = dict(whole=value, view=value.t()[1:], parameter=torch.nn.Parameter(torch.ones(2), requires_grad=False))
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_file(tmp_path / "a.pth")
    assert all(torch.equal(found[name], state[name]) and found[name].dtype == state[name].dtype for name in state)
    assert found["whole"].untyped_storage().data_ptr() == found["view"].untyped_storage().data_ptr()
    assert isinstance(found["parameter"], torch.nn.Parameter) and not found["parameter"].requires_grad
    if zipped:
        mapped, loaded = (read_file(tmp_path / "a.pth", mmap=True), read_bytes((tmp_path / "a.pth").read_bytes(), "a"))
        assert all(torch.equal(each[name], state[name]) for each in (mapped, loaded) for name in state)


def test_optimizer_and_scheduler_states_of_torch(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95))
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 2, 5])
    torch.save(dict(optimizer=optimizer.state_dict(), schedule=schedule.state_dict()), tmp_path / "a.pth")
    found = read_file(tmp_path / "a.pth")
    again = torch.optim.AdamW(model.parameters())
    again.load_state_dict(found["optimizer"])
    assert again.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
    assert found["schedule"]["milestones"] == Counter({2: 2, 5: 1})


def test_values_that_runs_of_other_code_hold(tmp_path: Path) -> None:
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    torch.save(dict(log=history, args=argparse.Namespace(lr=0.1), path=Path("a")), tmp_path / "a.pth")
    found = read_file(tmp_path / "a.pth")
    assert type(found["log"]) is HistoryBuffer and found["log"].mean() == 1.5
    assert isinstance(found["args"], argparse.Namespace) and found["args"].lr == 0.1
    assert isinstance(found["path"], Inert)
    torch.save(found["log"], tmp_path / "again.pth")
    assert read_file(tmp_path / "again.pth").mean() == 1.5


def test_a_setting_of_torch_that_forbids_the_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(dict(weight=torch.zeros(1)), tmp_path / "a.pth")
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(WeightsError, match=r"a\.pth: TORCH_FORCE_WEIGHTS_ONLY_LOAD=1 .*unset it"):
        read_file(tmp_path / "a.pth")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nowhere\.pth: does not exist"):
        read_file(tmp_path / "nowhere.pth")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        read_file(tmp_path)
