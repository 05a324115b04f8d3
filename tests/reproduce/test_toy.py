from __future__ import annotations

import pytest
from planned_runs import planned

from mmmim.reproduce.recipes import from_folder, recipe_in
from mmmim.reproduce.toy import toy_config


def test_the_twin_at_toy_scale_is_the_one_that_the_config_names() -> None:
    assert toy_config("simmim", "swin-l_800e.py") == "swin-tiny_toy.py"
    assert toy_config("ccmim", "../mae/vit-b_800e.py") == "../mae/vit-tiny_toy.py"
    assert recipe_in("simmim", "downstream/ft_swin-b_100e_inat18.py").toy is None
    assert from_folder("mae", "mae/downstream/x.py") == "downstream/x.py"


@pytest.mark.parametrize(
    ("row", "epochs"), [("integrated-50e", "1"), ("integrated-100e", "2"), ("integrated-200e", "4")]
)
def test_lengths_keep_their_proportion_where_a_table_is_about_them(row: str, epochs: str) -> None:
    run = planned("beyond_masking", "fig5", row, scale="toy").root[0]
    assert run.words == ("--epochs", epochs) and run.result.name == f"epoch_{epochs}.pth"


def test_what_a_row_is_about_is_kept_and_sizes_are_dropped() -> None:
    plan = planned("ccmim", "table5", "random-400e", scale="toy")
    assert plan.root[0].config == "configs/ccmim/vit-tiny_toy.py" and not plan.root[0].words
    assert plan.root[0].options == (
        "model.masker._delete_=True", "model.masker.type=RandomMasker", "model.masker.mask_ratio=0.75",
    )  # fmt: skip
    assert plan.runs["linear"][0].tool == "probe" and plan.runs["finetune"][0].config.endswith("ft_vit-tiny_toy.py")
    step = planned("simmim", "table9", "step-100e", scale="toy").root[0]
    assert "param_scheduler.type=WarmupStepLR" in step.options and step.words == ("--epochs", "2")
