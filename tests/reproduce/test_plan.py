"""From rows to runs, at full and at toy scale."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from planned_runs import planned

from mmmim.launch.options import load_config
from mmmim.registry import MODELS
from mmmim.reproduce.command import Run
from mmmim.reproduce.layout import parsed_options
from mmmim.reproduce.plan import Settings, plan_table
from mmmim.reproduce.tables import Evaluation, Row, Table, find_table, load_tables, methods


def chain(run: Run) -> list[str]:
    return [Path(each.config).stem for each in run.chain]


def test_an_evaluation_may_start_from_another_one() -> None:
    plan = planned("simmim", "table12", "swin-b")
    segmented = ["swin-b_800e", "ft_swin-b_224_100e_in1k", "upernet_swin-b_80k_ade20k"]
    assert chain(plan.runs["mIoU_single_scale"][0]) == segmented
    assert chain(plan.runs["bbox_mAP"][0]) == ["swin-b_800e", "mask-rcnn_swin-b_lsj_3x_coco"]
    toy = planned("simmim", "table12", "swin-b", scale="toy")
    assert chain(toy.runs["mIoU_single_scale"][0]) == ["swin-tiny_toy", "ft_swin-tiny_toy", "upernet_swin-tiny_toy"]


def test_the_trained_model_is_tested_at_several_scales_for_each_lr_of_which_the_best_counts() -> None:
    plan = planned("simmim", "table12", "swin-b", gpus=16)
    single, several = plan.runs["mIoU_single_scale"], plan.runs["mIoU_multi_scale"]
    assert [run.options for run in single] == [(), ("optim_wrapper.optimizer.lr=3e-4",)]  # 1e-4 is the config's
    assert [run.start for run in several] == single and {run.words for run in several} == {("--tta",)}
    command = several[1].command()
    assert command[:5] == ["bash", "tools/dist_test.sh", single[1].config, str(single[1].result), "16"]
    assert "mIoU_multi_scale: the best of lr 1e-4, 3e-4" in plan.remarks


def test_a_generator_is_trained_before_the_run_whose_config_names_it() -> None:
    for scale, generator in (("full", "vit-b_generator_300e"), ("toy", "vit-tiny_generator_toy")):
        run = planned("cim", "table10", "fixed", scale=scale).runs["finetune"][0]
        first, pretrain, _ = run.chain
        assert Path(first.config).stem == generator
        words = pretrain.command()
        assert f"model.generator.checkpoint={first.result}" in words and "--checkpoint" not in words


def test_checkpoints_have_the_name_that_the_run_gives_them() -> None:
    plan = planned("ccmim", "table5", "random-100e")
    pretrain, linear = plan.root[0], plan.runs["linear"][0]
    assert pretrain.result.name == "epoch_100.pth" and linear.result.name == "epoch_90.pth"
    command = linear.command()
    assert command[command.index("--checkpoint") + 1] == str(pretrain.result)
    assert planned("ccmim", "table3", "ccmim-300e", gpus=8).runs["mIoU"][0].result.name == "iter_160000.pth"


def test_extra_words_reach_pre_training_and_classification_but_dense_tasks_keep_their_data() -> None:
    extra = ("--data", "DIR", "--amp", "bf16", "--cfg-options", "model.contrast_weight=0.1")
    root = planned("ccmim", "table3", "ccmim-300e", extra=extra).root[0]
    assert root.words == ("--data", "DIR", "--amp", "bf16") and root.options == ("model.contrast_weight=0.1",)
    dense = planned("ccmim", "table3", "ccmim-300e", extra=extra[:4]).runs["mIoU"][0]
    assert dense.words == ("--amp", "bf16")


def test_measurements_on_frozen_features_take_the_data_and_nothing_else_of_a_training() -> None:
    extra = ("--epochs", "3", "--data", "DIR", "--amp", "bf16")
    plan = planned("cifar10", "search-beit", "recipe", extra=extra)
    for metric in ("knn", "linear"):
        (run,) = plan.runs[metric]
        assert run.words == ("--data", "DIR") and run.options == ("train_dataloader.dataset.keep=0.25",)
        assert [each.words for each in run.chain[:-1]] == [extra, extra]  # of the tokenizer and of the pre-training
    assert planned("cifar10", "search-beit", "recipe").runs["knn"][0].words == ()


def test_an_evaluation_may_change_keys_of_its_config() -> None:
    few = Evaluation("../mae/downstream/ft_vit-mini_cifar10.py", overrides={"train_dataloader": dict(batch_size=32)})
    row = Row("r", "../mae/vit-mini_cifar10.py", evaluation=dict(finetune=few))
    (plan,) = plan_table("cifar10", Table("t", "t", "s", ("finetune",), (row,)), Settings())
    assert plan.runs["finetune"][0].options == ("train_dataloader.batch_size=32",)


def test_equal_runs_have_one_folder_and_others_another() -> None:
    ours = planned("ccmim", "table5", "importance-sampling-400e", scale="toy").root[0]
    assert planned("ccmim", "table1", "ccmim-800e", scale="toy").root[0].folder == ours.folder
    others = [planned("ccmim", "table5", name, scale="toy").root[0] for name in ("random-400e", "importance-400e")]
    seeds = planned("ccmim", "table5", "importance-sampling-400e", scale="toy", seeds=3).root
    assert len({run.folder for run in (*others, *seeds)}) == 5


def test_rows_that_become_the_same_say_so_and_missing_data_is_named() -> None:
    assert "the same run as swin-b" in planned("simmim", "table7", "swin-l", scale="toy").remarks
    plan = planned("simmim", "table10", "mlp", scale="toy")
    assert "inat18" in plan.missing and "inat18" not in plan.runs


def test_baselines_start_from_random_weights() -> None:
    untrained = planned("toy", "classification", "none-swin", scale="toy")
    assert not untrained.root
    for metric in ("linear", "knn", "finetune"):
        assert "none" in untrained.runs[metric][0].command()
    supervised = planned("toy", "dense", "supervised-vit", scale="toy")
    assert chain(supervised.runs["mIoU"][0]) == ["ft_vit-tiny_toy", "upernet_vit-tiny_toy"]
    assert "model.backbone.init_cfg=None" in supervised.root[0].options
    assert supervised.root[0].result.name == "epoch_16.pth"


def test_all_encoders_are_probed_on_the_same_pictures() -> None:
    table = find_table("classification", load_tables("toy"))
    probes = [run for plan in plan_table("toy", table, Settings("toy")) for run in plan.runs["linear"]]
    assert len(probes) == len(table.rows)
    assert {run.options for run in probes} == {("train_dataloader.dataset.num_images=4096",)}


@pytest.mark.slow
@pytest.mark.parametrize("method", methods())
def test_every_toy_row_builds_its_model(method: str) -> None:
    init_default_scope("mmmim")
    for table in load_tables(method):
        for run in {run for plan in plan_table(method, table, Settings("toy")) for run in plan.root}:
            with torch.device("meta"):
                MODELS.build(load_config(run.config, parsed_options(run.with_start())).model)


def test_every_row_with_a_run_has_a_plan_without_gaps_at_full_scale() -> None:
    for method in methods():
        for table in load_tables(method):
            for plan in plan_table(method, table, Settings()):
                assert not plan.missing, (method, table.name, plan.row.name)
