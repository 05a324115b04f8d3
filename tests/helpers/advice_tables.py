"""The tables of the rules of tools/advise.py; run as a script, this writes them into docs/your_data.md."""

from __future__ import annotations

import re
from pathlib import Path

from mmmim.config.find import find_config
from mmmim.launch.options import load_config
from mmmim.plan.rules import METHODS, RECOMMENDED, SIZES, MethodRule, SizeRule

PAGE = Path(__file__).parents[2] / "docs" / "your_data.md"
BEGIN, END = "<!-- written by tests/helpers/advice_tables.py -->", "<!-- end of what is written -->"
REASONS = ("encoder", "patches", "length", "lr")


def tables() -> str:
    """Return what the rules say: sizes, their reasons, methods."""
    return "\n".join([*_sizes(), "", *_reasons(), "", *_methods()])


def _sizes() -> list[str]:
    head = ["images", "made for", "encoder", "image size / patch size", "batch", "epochs", "base lr for 256 images"]
    recipe = "the recipe's"
    rows = []
    previous = "100"
    for rule in SIZES:
        images = f"{previous} and more" if rule.below is None else f"{previous} to {rule.below - 1:,}"
        previous = "" if rule.below is None else f"{rule.below:,}"
        crops = ", ".join(f"{crop} / {patch}" for crop, patch in rule.crops)
        numbers = [recipe if each is None else f"{each:,}" for each in (rule.batch, rule.epochs)]
        rows.append([images, rule.typical, str(rule.arch), crops, *numbers, _lr(rule)])
    return _table(head, rows)


def _lr(rule: SizeRule) -> str:
    return "the recipe's" if rule.base_lr is None else f"{rule.base_lr:.0e}".replace("e-0", "e-")


def _reasons() -> list[str]:
    return _table(["made for", *REASONS], [[rule.typical, *(rule.reasons[key] for key in REASONS)] for rule in SIZES])


def _methods() -> list[str]:
    head = ["`--method`", "", "cost of a step", "below 60,000 images", "from 60,000 images", "recipe: epochs, batch"]
    return _table(head, [_method(rule) for rule in METHODS])


def _method(rule: MethodRule) -> list[str]:
    name = f"`{rule.name}`" + (" (default)" if rule.name == RECOMMENDED else "")
    recipe = load_config(rule.full)
    numbers = f"{recipe.train_cfg.max_epochs}, {recipe.auto_scale_lr.recipe_batch_size:,}"
    for config in (rule.small, rule.full):
        assert find_config(config)
    return [name, f"{rule.title} {rule.suits}", f"{rule.cost:.1f}", f"`{rule.small}`", f"`{rule.full}`", numbers]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def with_tables(page: str) -> str:
    """Return the page with its tables written anew."""
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return between.sub(lambda _: f"{BEGIN}\n\n{tables()}\n\n{END}", page)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
