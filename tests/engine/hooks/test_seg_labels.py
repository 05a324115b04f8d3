from __future__ import annotations

from typing import Any

import pytest
from mmengine.structures import PixelData

from mmmim.engine.hooks import SegLabelCheckHook
from mmmim.errors import UsageError


class _Sample(dict):
    def __init__(self, labels: Any) -> None:
        super().__init__(seg_map_path="some.png")
        self.gt_sem_seg = PixelData(data=labels)


def test_the_hook_stops_at_the_first_wrong_label() -> None:
    import torch

    hook = SegLabelCheckHook()
    hook.num_classes, hook.ignored = 3, 255
    fine, wrong = torch.tensor([[[0, 2, 255]]]), torch.tensor([[[0, 5, 3]]])
    hook.before_train_iter(None, 0, dict(data_samples=[_Sample(fine)]))
    with pytest.raises(UsageError, match=r"some\.png holds the label 3, 5, but"):
        hook.before_train_iter(None, 0, dict(data_samples=[_Sample(fine), _Sample(wrong)]))
