"""Every published number has a run that ends in it, or a reason why it has none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from mmengine.config import Config

from mmmim.config.folder import configs_folder
from mmmim.reproduce.chain import differences, incompatible_starts
from mmmim.reproduce.collect import best_by_seed, logged_names
from mmmim.reproduce.command import Run
from mmmim.reproduce.plan import RowPlan, Settings, plan_table
from mmmim.reproduce.tables import iter_rows, load_tables, methods

FINETUNE = "configs/beyond_masking/downstream/ft_vit-b_100e_in1k.py"
OF_BOXES = ("mAP", "mAP_50", "mAP_75")


def plans(method: str) -> Iterator[RowPlan]:
    for table in load_tables(method):
        yield from plan_table(method, table, Settings("toy" if method == "toy" else "full"))


@cache
def produced(config: str) -> set[str]:
    """Names under which a training with a config leaves numbers: its speed, and what its evaluation logs."""
    return {"images/s", "minutes", *evaluated(config)}


def evaluated(config: str) -> set[str]:
    evaluator = Config.fromfile(configs_folder().parent / config).get("test_evaluator") or dict(type="none")
    kind = str(evaluator["type"]).rpartition(".")[2]
    if kind == "CocoMetric":
        return {f"coco/{what}_{average}" for what in evaluator["metric"] for average in OF_BOXES}
    return {"Accuracy": {"accuracy/top1"}, "IoUMetric": {"mIoU", "aAcc", "mAcc"}}.get(kind, set())


@pytest.mark.parametrize("method", methods())
def test_a_published_number_has_a_run_or_a_reason(method: str) -> None:
    for table, row in iter_rows(method):
        for metric in row.published:
            assert (metric in row.evaluation) != bool(row.why_number_only(metric)), (table.name, row.name, metric)
        if row.config is None:
            assert not row.evaluation, row.name
        else:
            assert row.evaluation, f"{table.name} {row.name}: it pre-trains and nothing is evaluated"


@pytest.mark.parametrize("method", methods())
def test_the_last_run_of_a_chain_measures_its_column(method: str) -> None:
    for plan in plans(method):
        for metric, runs in plan.runs.items():
            for run in runs:
                if run.tool in ("train", "test"):
                    assert produced(run.config) & set(logged_names(run, metric)), (plan.row.name, metric)


@pytest.mark.parametrize("method", methods())
def test_every_run_can_read_what_the_one_before_writes(method: str) -> None:
    runs = [run for plan in plans(method) for run in plan.all_runs()]
    assert list(incompatible_starts(runs)) == []


@pytest.mark.parametrize(
    ("earlier", "config", "message"),
    [
        ("configs/beyond_masking/vit-b_integrated-code288_300e.py", FINETUNE, "missing in the file: cls_token"),
        ("configs/simmim/swin-l_800e.py", "configs/simmim/downstream/ft_swin-b_224_100e_in1k.py", "embed_dims is 192"),
        (
            "configs/conmim/vit-b_300e.py",
            "configs/conmim/downstream/ft384_vit-b_10e_in1k.py",
            "asks for stage 'ft', the file is of 'ssl'",
        ),
    ],
)
def test_what_does_not_fit_is_found_without_training(earlier: str, config: str, message: str) -> None:
    assert message in " ".join(differences(earlier, (), config))


def test_the_best_of_several_runs_counts_once_all_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: dict[tuple[int, str], float | None] = {(0, "a"): 41.0, (0, "b"): 43.0, (1, "a"): 40.0, (1, "b"): None}
    monkeypatch.setattr("mmmim.reproduce.collect.number", lambda run, metric: numbers[run.seed, run.config])
    assert best_by_seed([Run("train", config, seed) for seed, config in numbers], "mIoU") == [43.0]
