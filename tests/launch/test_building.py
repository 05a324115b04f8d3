from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import tiny_config

from mmmim.engine.hooks.releasing import ReleasingHook
from mmmim.errors import UsageError, one_of
from mmmim.launch.building import CheckedRunner, building
from mmmim.registry import HOOKS, build_part


def test_errors_of_other_libraries_name_the_section() -> None:
    for wrong, told in ((lambda: torch.nn.Linear(3), "out_features"), (lambda: {}["type"], "type")):
        with pytest.raises(UsageError, match=rf"^model: .*{told}"), building("model"):
            wrong()


def test_an_error_that_is_one_line_already_keeps_it() -> None:
    with pytest.raises(UsageError, match=r"^pool='x' is unknown"), building("model"):
        one_of("pool", "x", ("avg",))


def test_an_error_in_our_own_code_is_no_mistake_of_the_config() -> None:
    with pytest.raises(TypeError) as raised, building("model"):
        build_part({"type": None}, width=object())
    assert not isinstance(raised.value, UsageError)


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("optim_wrapper", {"optim_wrapper.optimizer.no_such_option": 1}),
        ("param_scheduler", {"param_scheduler.0.no_such_option": 1}),
        ("model", {"model.no_such_option": 1}),
    ],
)
def test_a_run_names_the_part_that_is_wrong(tmp_path: Path, section: str, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=rf"^{section}: .*no_such_option"):
        CheckedRunner.from_cfg(tiny_config(tmp_path, **changes)).train()


def test_without_workers_their_settings_are_left_out_and_with_workers_silence_ends() -> None:
    settings = dict(dataset=list(range(8)), batch_size=2, sampler=dict(type="DefaultSampler", shuffle=False))
    alone = CheckedRunner.build_dataloader(dict(settings, num_workers=0, persistent_workers=True, prefetch_factor=4))
    assert alone.num_workers == 0 and not alone.persistent_workers and alone.timeout == 0
    assert CheckedRunner.build_dataloader(dict(settings, num_workers=1)).timeout > 60
    assert CheckedRunner.build_dataloader(dict(settings, num_workers=1, timeout=7)).timeout == 7


@HOOKS.register_module(force=True)
class CountsReleases(ReleasingHook):
    """Counts how often it gives back what it took."""

    releases = 0

    def release(self) -> None:
        CountsReleases.releases += 1


@pytest.mark.parametrize("nan_at", [None, 2])
def test_hooks_give_back_what_they_took_however_a_training_ends(tmp_path: Path, nan_at: int | None) -> None:
    CountsReleases.releases = 0
    changes = {"model.nan_at": nan_at, "default_hooks.nonfinite.interval": 1}
    runner = CheckedRunner.from_cfg(tiny_config(tmp_path, custom_hooks=[dict(type="CountsReleases")], **changes))
    if nan_at is None:
        runner.train()
    else:
        with pytest.raises(RuntimeError, match="non-finite"):
            runner.train()
    assert CountsReleases.releases == 1
