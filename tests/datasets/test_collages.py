from __future__ import annotations

import numpy as np
import pytest

from mmmim.datasets import Collages


def test_drawn_pictures_depend_on_seed_split_and_index_alone() -> None:
    first, again = Collages(8, 48), Collages(8, 48)
    assert all(np.array_equal(first.load(i), again.load(i)) for i in range(8))
    others = [Collages(8, 48, seed=1), Collages(8, 48, split="val")]
    assert not any(np.array_equal(first.load(0), other.load(0)) for other in others)
    with pytest.raises(ValueError, match="toy_share=2"):
        Collages(toy_share=2)
