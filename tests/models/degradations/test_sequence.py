from __future__ import annotations

import pytest
import torch
from degraded import SIZE, pictures, seeded
from mmengine.registry import DefaultScope

from mmmim.errors import UsageError
from mmmim.models.degradations import CenterInput, SaturationScale, ZoomIn
from mmmim.models.degradations.sequence import DegradationSequence, build_degradation


def test_steps_follow_one_another_with_their_own_parameters() -> None:
    colour, zoom = SaturationScale(0.3), ZoomIn(24, location="random")
    both = DegradationSequence([colour, zoom])
    params = both.sample(SIZE, 4, generator=seeded())
    assert params.keys() and all(name.split(".")[0] in ("0", "1") for name in params)
    own = [{name[2:]: value for name, value in params.items() if name[0] == step} for step in "01"]
    images = pictures()
    torch.testing.assert_close(both(images, **params), zoom(colour(images, **own[0]), **own[1]))
    sized = DegradationSequence([CenterInput(48), colour])
    assert sized.output_size(SIZE) == (48, 48) and sized.clean(images).shape[-2:] == (48, 48)


def test_a_list_of_configs_is_a_sequence_and_a_single_one_is_not() -> None:
    with DefaultScope.overwrite_default_scope("mmseg"):  # a bare name is ours
        built = build_degradation([dict(type="SaturationScale"), dict(type="mmmim.ZoomIn", size=24)])
        single = build_degradation(dict(type="SaturationScale", scale=0.5))
    assert isinstance(built, DegradationSequence) and isinstance(built.steps[1], ZoomIn)
    assert isinstance(single, SaturationScale) and build_degradation(None) is None


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(UsageError, match=r"degradation=\[\] degrades nothing; set degradation=None"):
        build_degradation([])
