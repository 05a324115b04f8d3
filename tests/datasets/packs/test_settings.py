from __future__ import annotations

import json
from typing import Any

import pytest

from mmmim.datasets.packs import PackSettings
from mmmim.errors import UsageError


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (dict(format="jpg"), r"--format='jpg' is unknown; did you mean 'jpeg'\?"),
        (dict(size=0), r"--size 0: a number from 1 to 65,500"),
        (dict(quality=101), r"--quality 101: a number from 1 to 100"),
        (dict(channels=0), r"--channels 0: a number from 1 to 10,000"),
        (dict(per_shard=0), r"--per-shard 0: at least 1 image"),
        (dict(value_range=(5, 5)), r"value_range"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        PackSettings(**wrong)


def test_a_process_can_keep_all_shards_open() -> None:
    assert PackSettings().images_per_shard(1_000) == 10_000
    assert PackSettings(format="pixels").images_per_shard(1_000) == 4_000
    assert PackSettings().images_per_shard(14_000_000) == 54_688  # 256 shards
    assert PackSettings(per_shard=7).images_per_shard(14_000_000) == 7


def test_facts_are_plain_json() -> None:
    for given, plain in (
        ((0, 4095), [0, 4095]),
        (((0, 1), (0, 2)), [[0, 1], [0, 2]]),
        (None, None),
    ):
        facts = PackSettings(value_range=given, channels=2).facts()
        assert json.loads(json.dumps(facts)) == facts and facts["value_range"] == plain
