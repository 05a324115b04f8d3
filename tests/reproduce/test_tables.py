from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import DictAction
from mmengine.registry import init_default_scope

from mmmim.errors import UsageError
from mmmim.launch.lr_scaling import schedulers
from mmmim.registry import MODELS
from mmmim.reproduce.tables import (
    Row,
    Table,
    cfg_options,
    config_path,
    find_table,
    iter_rows,
    load_tables,
    methods,
    row_config,
)

BASE = """
model = dict(type="mmmim.RandomMasker", mask_ratio=0.75)
param_scheduler = [dict(type="LinearLR", end=40), dict(type="CosineAnnealingLR", T_max=260, begin=40)]
train_cfg = dict(by_epoch=True, max_epochs=300)
"""
TABLES = """
from mmmim.reproduce.tables import Row, Table
TABLES = [Table("table1", "t", "s", ("acc",), (Row("a", config="base.py"), Row("a")))]
"""


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "base.py").write_text(BASE, encoding="utf-8")
    return tmp_path


def test_overrides_reach_lists_nested_keys_and_replace_whole_parts(configs: Path) -> None:
    row = Row(
        "r",
        config="base.py",
        overrides={
            "param_scheduler.1.T_max": 90,
            "train_cfg.max_epochs": 100,
            "model": dict(_delete_=True, type="mmmim.BlockMasker", min_block=4),
        },
    )
    config = row_config("method", row, configs)
    assert config.param_scheduler[1] == dict(type="CosineAnnealingLR", T_max=90, begin=40)
    assert config.train_cfg == dict(by_epoch=True, max_epochs=100)
    assert config.model == dict(type="mmmim.BlockMasker", min_block=4)


def test_command_line_words_mean_the_same_as_the_overrides(configs: Path) -> None:
    overrides = {
        "param_scheduler.0.end": 10,
        "model": dict(_delete_=True, type="mmmim.BlockMasker", aspect=[0.5, 2.0], mask_ratio=0.6),
    }
    parsed = {}
    for word in cfg_options(overrides):
        key, value = word.split("=", maxsplit=1)
        parsed[key] = DictAction._parse_iterable(value)
    on_the_line = row_config("method", Row("r", config="base.py", overrides=parsed), configs)
    in_the_table = row_config("method", Row("r", config="base.py", overrides=overrides), configs)
    assert on_the_line.to_dict() == in_the_table.to_dict()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Row("r", config="bse.py"), "did you mean 'base.py'"),
        (Row("r"), "the number of another method"),
        (Row("r", config="base.py", overrides={"model.mask_ration": 0.5}), "did you mean 'mask_ratio'"),
        (Row("r", config="base.py", overrides={"param_scheduler.2.end": 1}), "list of 2"),
        (Row("r", config="base.py", overrides={"train_cfg.max_epoch": 1}), "did you mean 'max_epochs'"),
        (
            Row("r", config="base.py", overrides={"model": dict(_delete_=True, type="mmmim.BlockMasker", noise="exp")}),
            "noise",
        ),
    ],
)
def test_an_override_that_lands_on_nothing_is_refused(configs: Path, row: Row, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        row_config("method", row, configs)


def test_names_must_be_unique(configs: Path) -> None:
    (configs / "method" / "tables.py").write_text(TABLES, encoding="utf-8")
    with pytest.raises(UsageError, match=r"names must be unique, got \['a'\]"):
        load_tables("method", configs)


def test_unknown_names_suggest_the_nearest(configs: Path) -> None:
    (configs / "method" / "tables.py").write_text(TABLES, encoding="utf-8")
    with pytest.raises(UsageError, match="did you mean 'method'"):
        load_tables("methd", configs)
    table = Table("table1", "t", "s", ("acc",), (Row("random-100e"), Row("block-100e")))
    with pytest.raises(UsageError, match="did you mean 'random-100e'"):
        table.row("random100e")
    with pytest.raises(UsageError, match="did you mean 'table1'"):
        find_table("tabel1", [table])


@pytest.mark.parametrize("method", methods())
def test_published_metrics_are_columns_of_their_table(method: str) -> None:
    for table, row in iter_rows(method):
        assert set(row.published) <= set(table.metrics), (table.name, row.name)


@pytest.mark.parametrize("method", methods())
def test_evaluations_give_columns_of_their_table_and_their_configs_are_there(method: str) -> None:
    for table, row in iter_rows(method):
        assert set(row.evaluation) <= set(table.metrics), (table.name, row.name)
        for evaluation in row.evaluations().values():
            for name in (evaluation.config, evaluation.after) if evaluation else ():
                if name not in ("probe", "knn", None):
                    config_path(method, name, row.name)


def test_an_evaluation_without_its_config_is_refused() -> None:
    with pytest.raises(UsageError, match=r"row 'r': no config .*did you mean 'ft_vit-tiny_toy.py'"):
        config_path("mae", "downstream/ft_vit-tni_toy.py", "row 'r'")


@pytest.mark.parametrize("method", methods())
def test_every_row_that_can_be_run_builds_its_model_and_ends_its_schedule_with_its_last_epoch(method: str) -> None:
    init_default_scope("mmmim")
    built = set()
    for _, row in iter_rows(method):
        if row.config is None:
            continue
        config = row_config(method, row)
        *warmup, last = schedulers(config.param_scheduler)
        assert last.get("end", config.train_cfg.max_epochs) == config.train_cfg.max_epochs, row.name
        for earlier in warmup:
            assert earlier.end == last.begin and last.T_max == last.end - last.begin, row.name
        if (text := repr(config.model)) not in built:
            built.add(text)
            with torch.device("meta"):
                MODELS.build(config.model)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("random-100e", ("RandomMasker", None, 100, 10)),
        ("block-wise-400e", ("BlockMasker", None, 400, 40)),
        ("importance-400e", ("ImportanceMasker", "none", 400, 40)),
        ("importance-sampling-100e", ("ImportanceMasker", None, 100, 10)),
    ],
)
def test_rows_of_the_dividing_ablation(row: str, expected: tuple) -> None:
    config = row_config("ccmim", find_table("table5", load_tables("ccmim")).row(row))
    masker = config.model.masker
    assert masker.mask_ratio == 0.75 and config.model.contrast_weight == 0.2
    found = (masker.type, masker.get("noise"), config.train_cfg.max_epochs, config.param_scheduler[0].end)
    assert found == expected


def test_contrast_weights_of_figure_2_are_tenths_for_both_losses() -> None:
    rows = find_table("fig2", load_tables("ccmim")).rows
    weights: dict[str, list[float]] = {}
    for row in rows:
        model = row_config("ccmim", row).model
        weights.setdefault(model.contrast.type, []).append(model.contrast_weight)
    assert weights == {kind: [tenths / 10 for tenths in range(11)] for kind in ("InfoNCE", "Align")}
