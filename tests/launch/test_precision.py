from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.config import Config

from mmmim.commands.train import parse_args
from mmmim.errors import UsageError
from mmmim.launch import precision
from mmmim.launch.precision import AUTOCAST, PLAIN, PRECISIONS, SCALED, fit_to_device, planned_precision, use_amp


def config(kind: str = PLAIN, **settings: Any) -> Config:
    return Config(dict(optim_wrapper=dict(type=kind, optimizer=dict(type="AdamW", lr=1e-3), **settings)))


@pytest.mark.parametrize(
    ("kind", "amp", "expected", "dtype"),
    [
        (PLAIN, "bf16", f"mmmim.{AUTOCAST}", torch.bfloat16),
        (PLAIN, "fp16", SCALED, torch.float16),
        (f"mmmim.{AUTOCAST}", "off", f"mmmim.{AUTOCAST}", torch.float32),
        (SCALED, "off", PLAIN, torch.float32),
        (SCALED, None, SCALED, torch.float16),
        (f"mmmim.{AUTOCAST}", None, f"mmmim.{AUTOCAST}", torch.bfloat16),
        (PLAIN, None, PLAIN, torch.float32),
    ],
)
def test_the_option_chooses_the_wrapper(kind: str, amp: str | None, expected: str, dtype: torch.dtype) -> None:
    cfg = config(kind)
    use_amp(cfg, amp)
    assert cfg.optim_wrapper.type == expected and planned_precision(cfg) == dtype
    assert cfg.optim_wrapper.optimizer.lr == 1e-3


def test_another_precision_is_refused_wherever_it_comes_from() -> None:
    with pytest.raises(UsageError, match=r"--amp='bf17' is unknown; did you mean 'bf16'"):
        use_amp(config(), "bf17")
    for amp in PRECISIONS:
        assert parse_args(["mae/vit-tiny_toy", "--amp", amp]).amp == amp


def test_a_loss_scale_survives_where_it_is_used_alone() -> None:
    cfg = config(SCALED, loss_scale=512.0, use_fsdp=True)
    use_amp(cfg, "fp16")
    assert cfg.optim_wrapper.loss_scale == 512.0 and "use_fsdp" not in cfg.optim_wrapper
    use_amp(cfg, "bf16")
    assert "loss_scale" not in cfg.optim_wrapper


def test_a_wrapper_that_decides_by_itself_is_left_alone_and_refused() -> None:
    cfg = config("DeepSpeedOptimWrapper")
    use_amp(cfg, None)
    with pytest.raises(UsageError, match=r"--amp bf16: optim_wrapper\.type='DeepSpeedOptimWrapper' decides its own"):
        use_amp(cfg, "bf16")


@pytest.mark.parametrize("has_device", [True, False])
def test_what_needs_an_accelerator_is_replaced_without_one(has_device: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "is_cuda_available", lambda: has_device)
    cfg, plain = config(SCALED, dtype="float16"), config()
    remarks = fit_to_device(cfg)
    assert fit_to_device(plain) == [] and plain.optim_wrapper.type == PLAIN
    if has_device:
        assert remarks == [] and cfg.optim_wrapper.type == SCALED
    else:
        assert "optim_wrapper: AmpOptimWrapper needs an accelerator" in remarks[0] and cfg.optim_wrapper.type == PLAIN
