from __future__ import annotations

import numpy as np
import pytest

from mmmim.datasets.toy_renderer import SHAPES, render


@pytest.mark.parametrize("name", SHAPES)
def test_all_shapes_have_the_area_of_the_unit_disc(name):
    axis = np.linspace(-2, 2, 1601)
    inside = SHAPES[name](*np.meshgrid(axis, axis)) < 0
    assert inside.mean() * 16 == pytest.approx(np.pi, rel=0.01)
    assert not (inside[0].any() or inside[:, 0].any())


def test_instances_are_visible_parts_without_overlap():
    for seed in range(20):
        image, instances = render((seed,), (96, 128), (0, 1, 2, 3, 4), radius=(0.13, 0.22))
        assert image.shape == (96, 128, 3) and instances[-1].label == 4
        assert np.sum([i.mask for i in instances], axis=0).max() == 1
        for instance in instances:
            x0, y0, x1, y1 = instance.box
            assert instance.mask[y0:y1, x0:x1].sum() == instance.mask.sum() > 100
            assert instance.mask[y0].any() and instance.mask[y1 - 1].any()
            assert instance.mask[:, x0].any() and instance.mask[:, x1 - 1].any()
