from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch

from mmmim.engine import background_save
from mmmim.engine.background_save import BackgroundWriter, snapshot


def test_the_error_of_a_full_disk_is_that_of_the_disk() -> None:
    writer = BackgroundWriter()
    with open("/dev/full", "wb") as device, pytest.MonkeyPatch.context() as patch:
        patch.setattr(background_save, "atomic_write", lambda path: contextlib.nullcontext(device))
        writer.write(dict(weight=torch.zeros(10**6)), Path("a.pth"), lambda: None)
        writer.wait()
        error = writer.error()
        with contextlib.suppress(OSError):
            device.close()
    assert error is not None and error.errno == 28 and writer.error() is None


def test_a_snapshot_is_a_copy_and_keeps_shared_memory() -> None:
    base = torch.arange(12.0)
    content = dict(a=base, view=base.view(3, 4).t(), parameter=torch.nn.Parameter(torch.ones(2)), other=[3, "x", None])
    copy = snapshot(content)
    base += 1
    assert torch.equal(copy["a"], torch.arange(12.0)) and torch.equal(copy["view"], torch.arange(12.0).view(3, 4).t())
    assert copy["a"].untyped_storage().data_ptr() == copy["view"].untyped_storage().data_ptr()
    assert isinstance(copy["parameter"], torch.nn.Parameter) and copy["other"] == [3, "x", None]
