from __future__ import annotations

import argparse
import pickle
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import hostile
from mmengine.logging import HistoryBuffer

from mmmim.checkpoint.reader import read_bytes, read_file
from mmmim.checkpoint.unpickler import module_tensors
from mmmim.errors import WeightsError


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
