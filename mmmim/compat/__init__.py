"""What keeps MMSegmentation and MMDetection working on today's torch."""

from __future__ import annotations

import warnings


def setup() -> None:
    """Make mmseg and mmdet importable and quiet. Call it before either is imported; twice is harmless.

    * ``mmcv._ext`` falls back to kernels of torch and torchvision where mmcv came without compiled operators.
    * mmcv's remark about ``MultiScaleDeformableAttention`` at import is silenced, nothing else is.
    * ``_base_ = 'mmseg::...'`` finds mmseg whatever its distribution is called.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    from . import mmcv_ext

    mmcv_ext.install()
    warnings.filterwarnings("ignore", message="(Fail to import )?``MultiScaleDeformableAttention``")
    MODULE2PACKAGE["mmseg"] = "mmseg"
