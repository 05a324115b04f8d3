"""Sharded training of a small SimMIM in two CPU processes is that of DDP; its checkpoints are full and resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.fsdp as fsdp
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from sharded_run import MODEL, UNITS, model, run
from two_processes import run_in_two_processes

from mmmim.engine import AutocastOptimWrapper, ShardedDataParallel
from mmmim.engine.sharding import find_units
from mmmim.launch.processes import CPUDistributedDataParallel
from mmmim.launch.sharded_runner import build_shapes
from mmmim.plan.sharding import plan_sharding
from mmmim.registry import MODELS


def steps(wrapper: Any, rank: int, max_norm: float, fused: bool, count: int = 4) -> list[list[float]]:
    optimizer = torch.optim.AdamW(wrapper.parameters(), lr=1e-2, fused=fused)
    optim_wrapper = AutocastOptimWrapper(dtype="float32", optimizer=optimizer, clip_grad=dict(max_norm=max_norm))
    found = []
    for step in range(count):
        wrapper.module.set_step(0, step)
        images = torch.randint(256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(step), dtype=torch.uint8)
        data = dict(inputs=images[2 * rank : 2 * rank + 2], indices=torch.arange(2 * rank, 2 * rank + 2))
        loss = wrapper.train_step(data, optim_wrapper)["loss"]
        assert type(optim_wrapper.grad_norm) is torch.Tensor
        found.append([loss.item(), optim_wrapper.grad_norm.item()])
    return found


def compare(folder: Path, rank: int) -> dict:
    init_default_scope("mmmim")
    answers: dict[str, Any] = {}
    for fused in (False, True):
        plain = CPUDistributedDataParallel(model())
        sharded = ShardedDataParallel(model(rank), UNITS)  # the first process' weights count
        answers[f"ddp {fused}"] = steps(plain, rank, 0.05, fused)
        answers[f"fsdp {fused}"] = steps(sharded, rank, 0.05, fused)
    expected, found = plain.module.state_dict(), sharded.module.state_dict()
    answers["same names"] = list(expected) == list(found)
    answers["difference"] = max((expected[n].float() - found[n].float()).abs().max().item() for n in expected)
    answers["local"] = sum(p.to_local().numel() for p in sharded.parameters())
    answers["all"] = sum(p.numel() for p in plain.parameters())
    return answers


def test_steps_are_those_of_ddp(tmp_path: Path) -> None:
    first, second = run_in_two_processes(compare, tmp_path)
    for answer in (first, second):
        for fused in (False, True):
            torch.testing.assert_close(
                torch.tensor(answer[f"fsdp {fused}"]), torch.tensor(answer[f"ddp {fused}"]), rtol=1e-4, atol=1e-5
            )
        assert answer["same names"] and answer["difference"] < 1e-4
    losses = [row[0] for row in first["fsdp True"]]
    assert losses != [row[0] for row in second["fsdp True"]] and min(row[1] for row in first["ddp True"]) > 0.05
    assert first["local"] + second["local"] == first["all"]
    init_default_scope("mmmim")
    planned = plan_sharding(model(), dict(type="mmmim.ShardedDataParallel", units=UNITS), 2)
    assert planned is not None and (planned.share, planned.whole) == (4 * first["local"], 4 * first["all"])


def start(folder: Path, rank: int) -> dict:
    """The second process has no storage but on the device: what it holds there before a part is divided."""
    init_default_scope("mmmim")
    expected, built = model(), build_shapes(MODEL) if rank else model()
    without_storage = all(tensor.is_meta for tensor in (*built.parameters(), *built.buffers()))
    held, divide = [], fsdp.fully_shard

    def watched(part: Any) -> Any:
        whole = [p for p in built.parameters() if not p.is_meta and not hasattr(p, "full_tensor")]
        held.append(4 * sum(p.numel() for p in whole))
        return divide(part)

    fsdp.fully_shard = watched  # type: ignore[assignment]
    found = ShardedDataParallel(built, UNITS).module
    buffers = dict(found.named_buffers())
    return dict(
        without_storage=without_storage,
        held=max(held),
        same_state=all(torch.equal(found.state_dict()[n], v) for n, v in expected.state_dict().items()),
        same_buffers=all(torch.equal(buffers[n], v) for n, v in expected.named_buffers()),
        moves_to=str(found.data_preprocessor.device),
    )


def test_start_is_that_of_an_unsharded_model_and_never_holds_it_whole(tmp_path: Path) -> None:
    first, second = run_in_two_processes(start, tmp_path)
    init_default_scope("mmmim")
    planned = plan_sharding(model(), dict(type="mmmim.ShardedDataParallel", units=UNITS), 2)
    assert planned is not None and max(planned.largest_unit, planned.root) < planned.whole / 2
    assert second["without_storage"] and not first["without_storage"]
    assert second["held"] == max(planned.largest_unit, planned.root) == planned.start - planned.share
    for answer in (first, second):
        assert answer["same_state"] and answer["same_buffers"] and answer["moves_to"] == get_device()


def store_and_resume(folder: Path, rank: int) -> dict:
    straight = run(folder / "straight")
    stored = folder / "straight" / "epoch_1.pth"
    resumed = run(folder / "resumed", load_from=str(stored), resume=True)
    return dict(difference=max((straight[n].float() - resumed[n].float()).abs().max().item() for n in straight))


def test_checkpoints_are_full_and_resume(tmp_path: Path) -> None:
    answers = run_in_two_processes(store_and_resume, tmp_path)
    assert max(answer["difference"] for answer in answers) == 0
    last = torch.load(tmp_path / "straight/epoch_3.pth", weights_only=True)
    first = torch.load(tmp_path / "straight/epoch_1.pth", weights_only=True)
    best = torch.load(tmp_path / "straight/best_rising_acc_epoch_3.pth", weights_only=True)
    assert all(torch.equal(value, last["state_dict"][name]) for name, value in best["state_dict"].items())
    init_default_scope("mmmim")
    plain = model()
    plain.load_state_dict(last["state_dict"])
    assert all(type(value) is torch.Tensor for value in last["state_dict"].values())
    moments = [state["exp_avg"].shape for state in last["optimizer"]["state"].values()]
    assert moments == [p.shape for p in plain.parameters()]
    assert not torch.equal(first["state_dict"]["backbone.mask_token"], last["state_dict"]["backbone.mask_token"])


def test_unknown_unit_is_named() -> None:
    init_default_scope("mmmim")
    with pytest.raises(ValueError, match=r"no module of class 'SwinBlock', but \['SwinV2Block'\]"):
        find_units(model(), ("SwinBlock",))


VIT = dict(
    MODEL,
    backbone=dict(type="mmmim.ViT", arch=dict(embed_dims=16, depth=2, num_heads=2), img_size=32, patch_size=4),
    masker=dict(type="mmmim.RandomMasker", mask_ratio=0.5),
    neck=dict(type="mmmim.MAEDecoder", dims=16, depth=2, num_heads=2),
)


def compare_recomputed_norms(folder: Path, rank: int) -> dict:
    init_default_scope("mmmim")
    answers = {}
    for with_cp in (False, True):
        config = dict(VIT, backbone=dict(VIT["backbone"], with_cp=with_cp))
        runs = []
        for wrap in (CPUDistributedDataParallel, lambda module: ShardedDataParallel(module, ("LeanBlock",))):
            torch.manual_seed(0)
            runs.append(steps(wrap(MODELS.build(config).train()), rank, 0.05, True))
        answers[str(with_cp)] = runs
    return answers


def test_norms_are_computed_again_from_gathered_weights(tmp_path: Path) -> None:
    for answer in run_in_two_processes(compare_recomputed_norms, tmp_path):
        for ddp, sharded in answer.values():
            torch.testing.assert_close(torch.tensor(sharded), torch.tensor(ddp), rtol=1e-4, atol=1e-5)
