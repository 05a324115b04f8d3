"""Processes, images and accumulated steps of the runs of a table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mmmim.reproduce.layout import layout, processes_and_accumulation

UPERNET = "configs/simmim/downstream/upernet_swin-b_80k_ade20k.py"  # 32 images, 4 per process
MASK_RCNN = "configs/simmim/downstream/mask-rcnn_swin-b_lsj_3x_coco.py"


@pytest.mark.parametrize(
    ("recipe", "per_process", "gpus", "expected"),
    [
        (1024, 128, 16, (8, 1)),
        (1024, 128, 3, (2, 4)),
        (32, 4, 1, (1, 8)),
        (9216, 36, 256, (256, 1)),
        (64, 64, 2, (1, 1)),
    ],
)
def test_batches_of_an_update_are_divided_evenly(
    recipe: int, per_process: int, gpus: int, expected: tuple[int, int]
) -> None:
    assert processes_and_accumulation(recipe, per_process, gpus) == expected


def test_each_training_has_the_batch_of_its_recipe() -> None:
    finetune = layout("configs/cim/downstream/ft_vit-b_respix_100e_in1k.py", (), (), 16)
    assert finetune.processes == 8 and finetune.batch.effective == 1024 and not finetune.deviation
    assert not finetune.fixed_lr and finetune.words(()) == []


def test_a_training_counted_in_iterations_gets_as_many_updates() -> None:
    few, enough = layout(UPERNET, (), (), 2), layout(UPERNET, (), (), 16)
    assert enough.processes == 8 and enough.words(()) == [] and enough.last_checkpoint == "iter_80000.pth"
    assert few.words(()) == ["--accumulate", "4", "--iters", "320000"] and few.last_checkpoint == "iter_320000.pth"
    assert "come from 8 images" in str(few)


def test_a_warm_up_counted_in_iterations_keeps_its_updates() -> None:
    assert layout(MASK_RCNN, (), (), 4).options == ("param_scheduler.0.begin=0", "param_scheduler.0.end=4000")
    assert layout(MASK_RCNN, (), (), 16).options == ()


def test_a_batch_that_cannot_be_the_recipe_s_is_named() -> None:
    found = layout(UPERNET, ("train_dataloader.batch_size=5",), (), 16)
    assert found.fixed_lr and "batch 30 in place of the recipe's 32" in str(found.deviation)
    scaled = layout("configs/cim/vit-b_respix_300e.py", ("train_dataloader.batch_size=100",), (), 16)
    assert str(scaled.deviation).endswith("the lr is scaled to it")


def test_accumulation_that_is_asked_for_is_kept() -> None:
    asked = layout("configs/cim/vit-b_respix_300e.py", (), ("--accumulate", "2"), 16)
    assert (asked.processes, asked.batch.accumulation, asked.deviation) == (8, 2, None)
    assert asked.words(("--accumulate", "2")) == ["--accumulate", "2"]


def test_configs_of_several_frameworks_are_read_side_by_side() -> None:
    names = ("ccmim/vit-tiny_toy", "ccmim/downstream/mask-rcnn_vit-tiny_toy", "ccmim/downstream/upernet_vit-tiny_toy")
    layout.cache_clear()
    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(layout, f"configs/{name}.py", (), (), 1) for name in names * 3]
        checkpoints = [each.result().last_checkpoint for each in found]
        assert checkpoints == ["epoch_6.pth", "epoch_6.pth", "iter_300.pth"] * 3
