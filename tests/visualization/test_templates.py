from __future__ import annotations

import numpy as np

from mmmim.visualization.sources import load_images
from mmmim.visualization.templates import template_columns

SCALE, SHIFT = np.array([58.395, 57.12, 57.375]) / 255, np.array([123.675, 116.28, 103.53]) / 255


def test_templates_are_the_means_and_give_the_image_back() -> None:
    images = load_images("toy", (32, 48), num=2)
    kinds = ["patch", "window_joint"]
    original, *columns = template_columns(images, kinds, window=8, patch_size=16)
    titles = [f"{what}\n{kind}" for what in ("mean", "deviation", "normalised") for kind in kinds]
    assert [column.title for column in columns] == titles and all(len(column.images) == 2 for column in columns)
    x = (original.images[1] - SHIFT) / SCALE
    for index, area in enumerate([x[:16, 16:32], x[4:12, 20:28]]):  # around the pixel (8, 24)
        mean, deviation, normalised = (columns[index + 2 * part].images[1][8, 24] for part in range(3))
        std = np.sqrt(area.var(ddof=1) + 1e-6)
        np.testing.assert_allclose(mean, area.mean() * SCALE + SHIFT, atol=1e-5)
        np.testing.assert_allclose(deviation, std, rtol=1e-4)
        np.testing.assert_allclose(normalised, ((x[8, 24] - area.mean()) / std / 6 + 0.5).clip(0, 1), atol=1e-4)
