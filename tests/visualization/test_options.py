from argparse import Namespace

import pytest

from mmmim.errors import UsageError
from mmmim.registry import MODELS
from mmmim.visualization.options import STRATEGIES, names_for


def test_names_are_given_for_all_or_for_none() -> None:
    assert names_for(Namespace(names=None), ["a", "b"]) == [None, None]
    assert names_for(Namespace(names=["one", "two"]), ["a", "b"]) == ["one", "two"]
    with pytest.raises(UsageError, match=r"--names: 2 to be named, got 1 names"):
        names_for(Namespace(names=["one"]), ["a", "b"])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_strategy_is_a_masker(strategy: str) -> None:
    masker = MODELS.build(dict(STRATEGIES[strategy], mask_ratio=0.5))
    assert masker.num_hidden((4, 4)) == 8
