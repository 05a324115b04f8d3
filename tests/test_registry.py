from __future__ import annotations

import pytest
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope

from mmmim.registry import MODELS, accepted_arguments, build_part


class Base:
    def __init__(self, width: int, depth: int = 1) -> None:
        self.width, self.depth = width, depth


class Child(Base):
    def __init__(self, heads: int, **options: int) -> None:
        super().__init__(**options)
        self.heads = heads


class Closed(Base):
    def __init__(self, heads: int) -> None:
        super().__init__(heads)


def test_keyword_arguments_are_those_of_the_parent() -> None:
    assert {"heads", "width", "depth"} <= accepted_arguments(Child)
    assert "width" not in accepted_arguments(Closed)
    assert accepted_arguments(lambda size: size) == {"size"}


def test_facts_fill_only_what_the_part_takes_and_its_config_leaves_out() -> None:
    part = build_part(dict(type=Child, heads=2, depth=5), width=3, depth=4, colour="red")
    assert (part.heads, part.width, part.depth) == (2, 3, 5)
    assert build_part(dict(type=Closed, heads=2), width=3).width == 2


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(KeyError, match="NoSuchPart"):
        build_part(dict(type="NoSuchPart"), width=3)


@pytest.mark.parametrize("scope", ["mmengine", "mmseg", "mmdet"])
def test_parts_are_found_from_any_scope(scope: str) -> None:
    with DefaultScope.overwrite_default_scope(scope):
        assert ROOT_MODELS.get("mmmim.ViT") is MODELS.get("ViT")
