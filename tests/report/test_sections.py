from __future__ import annotations

import dataclasses

import pytest
from mmengine.config import Config

from mmmim.launch.run_record import RunRecord
from mmmim.report import sections
from mmmim.report.run_folder import RunFolder


@pytest.fixture
def other(run: RunFolder) -> RunFolder:
    """The run once more, on other data, with another learning rate and with what monitors log."""
    config = Config(run.config.to_dict()) if run.config else None
    assert config is not None
    config.optim_wrapper.optimizer.lr = 7.0
    record = dataclasses.replace(run.starts[0], facts={"data": "9 of ImageFolder"})
    monitors = tuple({"knn/top1_k20": value, "step": step} for step, value in ((1, 30.0), (2, 40.0)))
    results = {"probe": {"pretrained": {"top1": 54.7, "by_seed": [1]}, "random_init": {"top1": 44.2}}}
    return dataclasses.replace(
        run, name="other", config=config, starts=(record, record), evaluations=monitors, results=results
    )


def test_the_summary_tells_state_data_and_losses(run: RunFolder, other: RunFolder) -> None:
    facts = {name: values for name, *values in sections.summary([run, other]).rows}
    assert facts["state"] == ["finished, 2 epochs"] * 2 and facts["data"] == ["8 of ToyImages", "9 of ImageFolder"]
    assert facts["starts"] == ["1", "2"] and " → " in facts["loss"][0] and facts["images/s"][0].endswith("(median)")
    assert facts["knn/top1_k20"] == ["–", "40"]


def test_losses_of_one_run_share_a_chart_and_those_of_several_are_told_apart(run: RunFolder, other: RunFolder) -> None:
    (chart,) = sections.loss_charts([run])
    assert chart.header == ("epoch", "loss", "loss_reconstruction")
    both = sections.loss_charts([run, other])
    assert [chart.title for chart in both] == ["loss", "loss_reconstruction"]
    assert both[0].header == ("epoch", "mae (8 of ToyImages)", "other (9 of ImageFolder)")


def test_a_run_keeps_its_colour_where_others_have_no_such_value(run: RunFolder, other: RunFolder) -> None:
    (chart,) = sections.monitor_charts([run, other])
    assert chart.title == "knn/top1_k20" and chart.rows == (("1", "30"), ("2", "40"))
    assert "stroke: var(--series-2)" in chart.svg and "stroke: var(--series-1)" not in chart.svg


def test_speed_and_schedules_have_their_charts(run: RunFolder) -> None:
    assert "Images per second" in [chart.title for chart in sections.speed_charts([run])]
    assert "Learning rate" in [chart.title for chart in sections.method_charts([run])]


def test_the_recipe_and_what_differs(run: RunFolder, other: RunFolder) -> None:
    facts = {name: values for name, *values in sections.recipe([run]).rows}
    assert facts["masker"] == ["RandomMasker(mask_ratio=0.75)"] and facts["optimizer type"] == ["AdamW"]
    assert facts["transform 1"][0].startswith("RandomResizedCrop(")
    assert sections.differences([run]) is None
    differing = sections.differences([run, other])
    assert differing is not None and [row[0] for row in differing.rows] == ["optim_wrapper.optimizer.lr"]
    assert differing.rows[0][2] == "7"


def test_results_of_evaluations_stand_in_percent(other: RunFolder) -> None:
    assert list(sections.evaluations([other]).rows) == [
        ["probe top1, pretrained", "54.70"],
        ["probe top1, random init", "44.20"],
    ]


def test_the_config_comes_with_origins(run: RunFolder) -> None:
    text = sections.config_text(run)
    assert "mask_ratio=0.75" in text and "# configs/_base_/" in text and "# command line" in text
    assert sections.config_text(dataclasses.replace(run, config=None)) == ""
    assert "#  configs" not in sections.config_text(dataclasses.replace(run, starts=()))


def test_commands_and_environment_are_those_of_the_record(run: RunFolder) -> None:
    (command,) = sections.commands(run)
    assert command.startswith("mmmim.train('mae/vit-tiny_toy', ") and "  # 20" in command
    facts = {name: value for name, value in sections.environment([run]).rows}
    assert facts["torch"] and facts["cores"] and "commit" in facts
    assert not sections.environment([RunFolder(run.path, "old")]).rows


def test_a_run_without_anything_has_a_summary_all_the_same(run: RunFolder) -> None:
    empty = RunFolder(run.path, "empty", starts=(RunRecord("mmmim train x"),))
    assert [row[0] for row in sections.summary([empty]).rows] == ["state", "starts"]
    assert sections.loss_charts([empty]) == sections.monitor_charts([empty]) == sections.speed_charts([empty]) == []
