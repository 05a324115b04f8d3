from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmmim.errors import UsageError
from mmmim.registry import HOOKS

IGNORE_INDEX = 255


@HOOKS.register_module()
class SegLabelCheckHook(Hook):
    """Stops a segmentation run at the first label that is not a class, and names the file.

    MMSegmentation's loss fails on such a label with an index error, or on a GPU with a device-side assertion. The
    labels of a batch are checked on the CPU before they are moved, so that nothing waits for the device.
    """

    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        model: Any = runner.model.module if is_model_wrapper(runner.model) else runner.model
        heads = model.decode_head if hasattr(model.decode_head, "__len__") else [model.decode_head]
        self.num_classes, self.ignored = heads[-1].num_classes, getattr(heads[-1], "ignore_index", IGNORE_INDEX)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        for sample in data_batch["data_samples"]:
            labels = sample.gt_sem_seg.data
            wrong = labels[(labels != self.ignored) & ((labels < 0) | (labels >= self.num_classes))]
            if wrong.numel():
                found = wrong_labels(np.asarray(wrong), self.num_classes, self.ignored)
                raise label_error(sample.get("seg_map_path"), found, self.num_classes, self.ignored)


def wrong_labels(labels: np.ndarray, num_classes: int, ignored: int) -> list[int]:
    """Return the labels that are neither a class nor ``ignored``, in ascending order."""
    values = np.unique(labels)
    return [int(value) for value in values if value != ignored and not 0 <= value < num_classes]


def label_error(file: str | None, wrong: list[int], num_classes: int, ignored: int) -> UsageError:
    """Return the error that names the file, its ``wrong`` labels and the fix."""
    shown = ", ".join(map(str, wrong[:5])) + (" ..." if len(wrong) > 5 else "")
    return UsageError(
        f"{file or 'a label map'} holds the label {shown}, but the decode head has num_classes={num_classes} (labels 0 "
        f"to {num_classes - 1}) and ignores {ignored}; fix: name all classes in metainfo.classes and set num_classes "
        "of the heads, set reduce_zero_label=True of LoadAnnotations where 0 is no class, or ignore a label by "
        "ignore_index of the heads and of IoUMetric, with seg_pad_val of the data preprocessor"
    )
