"""`--compile`: the blocks are compiled, the losses and the names in checkpoints are those of a run without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope
from sharded_run import MODEL as SIMMIM
from tiny_run import losses, tiny_config

from mmmim.engine.hooks.compile_blocks import blocks_of
from mmmim.errors import UsageError
from mmmim.launch.prepare import Settings, prepare
from mmmim.launch.runner import build_runner
from mmmim.plan.dry_run import dry_run
from mmmim.registry import MODELS

ARCH = dict(embed_dims=16, depth=2, num_heads=2)
STAGES = dict(embed_dims=8, depths=(2, 2), num_heads=(1, 2))
MAE = dict(
    SIMMIM,
    backbone=dict(type="mmmim.ViT", arch=ARCH, img_size=32, patch_size=8),
    neck=dict(type="mmmim.MAEDecoder", dims=16, depth=2, num_heads=2),
)
SWIN = dict(SIMMIM, backbone=dict(type="mmmim.Swin", arch=STAGES, img_size=32, window_size=4))


def config(folder: Path, model: dict[str, Any], compiles: bool = True, **options: Any) -> Any:
    changes: dict[str, Any] = {
        "model": dict(model, _delete_=True),
        "train_dataloader.dataset": dict(_delete_=True, type="mmmim.ToyImages", num_images=8, img_size=32),
        "train_cfg.max_epochs": 2,
    }
    cfg = tiny_config(folder, **changes)
    init_default_scope("mmmim")
    prepared = prepare(cfg, Settings(compile=compiles))
    if compiles:
        prepared.cfg.default_hooks.compile.update(options)
    return prepared


def check_compiled_run(folder: Path, model: dict[str, Any], **options: Any) -> None:
    names = []
    for compiles in (False, True):
        runner = build_runner(config(folder / str(compiles), model, compiles, **options).cfg)
        runner.train()
        assert all((block._compiled_call_impl is not None) is compiles for block in blocks_of(runner.model))
        names.append(list(runner.model.state_dict()))
    plain, compiled = (losses(folder / str(compiles)) for compiles in (False, True))
    assert names[0] == names[1] and len(plain) == 4
    assert [step["loss"] for step in compiled] == pytest.approx([step["loss"] for step in plain], rel=1e-4)


@pytest.mark.parametrize("model", [MAE, SWIN], ids=["mae", "simmim"])
def test_traced_blocks_lose_what_plain_ones_do(model: dict[str, Any], tmp_path: Path) -> None:
    torch._dynamo.reset()
    check_compiled_run(tmp_path, model, backend="eager", fullgraph=True)


@pytest.mark.slow
@pytest.mark.parametrize("model", [MAE, SWIN], ids=["mae", "simmim"])
def test_compiled_blocks_lose_what_plain_ones_do(model: dict[str, Any], tmp_path: Path) -> None:
    torch._dynamo.reset()
    check_compiled_run(tmp_path, model)


def test_blocks_of_encoder_and_decoder() -> None:
    init_default_scope("mmmim")
    assert len(blocks_of(MODELS.build(MAE))) == 4 and len(blocks_of(MODELS.build(SWIN))) == 4


def test_a_plan_compiles_nothing(tmp_path: Path) -> None:
    run = dry_run(config(tmp_path, MAE))
    assert any("CompileBlocksHook" in hook for hook in run.hooks)
    assert all(block._compiled_call_impl is None for block in blocks_of(run.model))


def test_a_model_without_blocks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--compile: the model has no blocks"):
        build_runner(config(tmp_path, dict(type="TinyMasked")).cfg).train()
