"""Files are read as they were written, and nothing in them is run."""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import hostile
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, load_checkpoint
from safetensors.torch import save_file

from mmmim.checkpoint.reader import find_damage, read_bytes, read_file
from mmmim.checkpoint.unpickler import Inert, module_tensors
from mmmim.errors import MissingFileError, UsageError, WeightsError

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


def test_tensors_of_a_pickled_module(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    torch.save(model, tmp_path / "a.pth")
    found = dict(module_tensors(read_file(tmp_path / "a.pth")))
    assert set(found) == set(model.state_dict()) and all(
        torch.equal(found[k], v) for k, v in model.state_dict().items()
    )


KINDS = list(hostile(Path("x")))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_call_in_a_file_is_refused_by_its_name(tmp_path: Path, kind: str, zipped: bool) -> None:
    file, marker = tmp_path / "evil.pth", tmp_path / "marker"
    content = dict(state_dict=dict(weight=torch.zeros(2)), extra=hostile(marker)[kind])
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    for mmap in (False, True):
        with pytest.raises(
            WeightsError, match=r"evil\.pth: refused: to read it, [\w.]+ would have to be called"
        ) as told:
            read_file(file, mmap=mmap)
        assert "nothing was run" in str(told.value) and "tools/convert.py" in str(told.value)
    with pytest.raises(WeightsError, match="refused: to read it"):
        read_bytes(file.read_bytes(), "s3://evil.pth")
    assert not marker.exists()


def start_of_legacy_file() -> bytes:
    start: list[Any] = [torch.serialization.MAGIC_NUMBER, 1001, {}]
    return b"".join(pickle.dumps(value, 2) for value in start)


@pytest.mark.parametrize(
    ("name", "victim"),
    [
        ("ctorch._utils\n_rebuild_tensor_v2", torch._utils._rebuild_tensor_v2),
        ("cargparse\nNamespace", argparse.Namespace),
        ("cmmengine.logging.history_buffer\nHistoryBuffer", HistoryBuffer),
        ("ccollections\nCounter", Counter),
        ("cnumpy\nndarray", np.ndarray),
    ],
)
def test_a_file_changes_no_function_or_class(tmp_path: Path, name: str, victim: Any) -> None:
    change = b"(N}X\x07\0\0\0__doc__X\x04\0\0\0evilstb"  # what a pickle does with __slots__
    before = victim.__doc__
    (tmp_path / "a.pth").write_bytes(
        start_of_legacy_file() + f"\x80\x02{name}\n".encode() + change + b"." + b"\x80\x02]."
    )
    with suppress(WeightsError):
        read_file(tmp_path / "a.pth")
    assert victim.__doc__ == before


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 3, 60, 0.3, 0.9, 0.999])
def test_truncated_files_give_one_line(tmp_path: Path, suffix: str, keep: float) -> None:
    file, state = tmp_path / f"a{suffix}", dict(weight=torch.rand(40, 40))
    save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)
    content = file.read_bytes()
    file.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(WeightsError, match=rf"a{suffix}: [\d,]+ bytes, incomplete, damaged or no ") as told:
        read_file(file)
    assert "\n" not in str(told.value)


def test_a_flipped_bit_is_found_and_the_answer_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    torch.save(dict(weight=torch.zeros(1000)), file)
    assert find_damage(file) is None and len(read_file(file)["weight"]) == 1000
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "checksum" in (find_damage(file) or "")
    with pytest.raises(WeightsError, match=r"the checksum of a/data/0 is wrong"):
        read_file(file)
    with pytest.raises(WeightsError, match="checksum"):
        load_checkpoint(torch.nn.Linear(1, 1), str(file))


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


# ------------------------------------------------------------------ MMEngine's loaders


def test_every_loader_of_mmengine_is_replaced() -> None:
    loaders = {name: loader.__module__ for name, loader in CheckpointLoader._schemes.items()}
    assert set(loaders.values()) == {"mmmim.checkpoint.schemes"}, loaders


def test_they_are_replaced_wherever_a_model_of_ours_is_known() -> None:
    code = (
        "import mmmim.models; from mmengine.runner import CheckpointLoader as C; "
        "print(C._schemes[''].__module__, C._schemes['http://'].__module__)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["mmmim.checkpoint.schemes"] * 2


@pytest.mark.parametrize("kind", ["os.system", "eval"])
def test_mmengine_runs_nothing(tmp_path: Path, kind: str) -> None:
    torch.save(dict(state_dict={}, extra=hostile(tmp_path / "marker")[kind]), tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="refused"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "evil.pth"), map_location="cpu")
    assert not (tmp_path / "marker").exists()


def test_a_download_is_read_in_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    torch.save(dict(extra=hostile(tmp_path / "marker")["eval"]), tmp_path / "evil.pth")
    monkeypatch.setattr(
        torch.hub,
        "download_url_to_file",
        lambda url, file, progress: Path(file).write_bytes((tmp_path / "evil.pth").read_bytes()),
    )
    with pytest.raises(WeightsError, match="refused"):
        CheckpointLoader.load_checkpoint("https://example.org/models/evil.pth?raw=1")
    assert not (tmp_path / "marker").exists() and (tmp_path / "checkpoints" / "evil.pth").is_file()


def test_without_a_network_the_place_of_a_local_copy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError("no route")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fails)
    for name in ("https://example.org/a.pth", "torchvision://resnet50", "open-mmlab://resnet50_v1c"):
        with pytest.raises(MissingFileError, match=r"download failed \(no route\).*put the file at .*\.pth"):
            CheckpointLoader.load_checkpoint(name)
    with pytest.raises(UsageError, match="no model of this name was published; did you mean"):
        CheckpointLoader.load_checkpoint("torchvision://resnet5o")
    with pytest.raises(UsageError, match="PAVI"):
        CheckpointLoader.load_checkpoint("pavi://a")
