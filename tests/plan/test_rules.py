from __future__ import annotations

import pytest
from advice_tables import PAGE, tables, with_tables
from mmengine.registry import init_default_scope

from mmmim.commands.advise import METHODS as OFFERED
from mmmim.config.find import find_config
from mmmim.launch.options import load_config
from mmmim.plan.options import model_options, parsed
from mmmim.plan.rules import METHODS, RECOMMENDED, SIZES, Arch, MethodRule
from mmmim.reproduce.cost import gflop


def flops(rule: MethodRule) -> float:
    crop, patch = SIZES[1].crops[0]
    cfg = load_config(rule.small, parsed(model_options(SIZES[1], rule, crop, patch)))
    init_default_scope(cfg.default_scope)
    size = crop + 2 * round(crop * 3 / 14) if rule.wide else crop
    found = gflop(cfg, (3, size, size))
    assert found is not None
    return found


def test_the_page_has_the_rules() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert tables() in page and with_tables(page) == page, "run python tests/helpers/advice_tables.py"


def test_the_command_line_knows_the_methods() -> None:
    assert tuple(rule.name for rule in METHODS) == OFFERED and RECOMMENDED in OFFERED


def test_the_rules_cover_every_number_of_images() -> None:
    bounds = [rule.below for rule in SIZES]
    assert bounds[-1] is None and bounds[:-1] == sorted(bounds[:-1])
    for below, rule in zip([100, *bounds], SIZES, strict=False):
        typical = int(rule.typical.replace(",", ""))
        assert (below or 0) <= typical and (rule.below is None or typical < rule.below)


@pytest.mark.parametrize("rule", SIZES, ids=lambda rule: rule.typical)
def test_crops_are_whole_patches_and_reasons_are_complete(rule) -> None:
    assert all(crop % patch == 0 for crop, patch in rule.crops)
    assert sorted(rule.crops, reverse=True) == list(rule.crops)
    assert set(rule.reasons) == {"encoder", "patches", "length", "lr"}
    assert rule.full == (rule.arch.name is not None)


@pytest.mark.parametrize("rule", METHODS, ids=lambda rule: rule.name)
def test_the_cost_is_the_computation(rule: MethodRule) -> None:
    assert find_config(rule.small) and find_config(rule.full)
    assert flops(rule) / flops(METHODS[0]) == pytest.approx(rule.cost, abs=0.1)


def test_names_of_encoders() -> None:
    assert (str(Arch(192, 6, 3)), str(Arch(384, 12, 6, "small"))) == ("ViT 192 x 6", "ViT-S 384 x 12")
