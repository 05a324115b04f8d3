"""Keep MMSegmentation and MMDetection working on today's torch."""

from __future__ import annotations

import warnings


def setup() -> None:
    """Make mmseg and mmdet importable and quiet; call it before either is imported, more than once is harmless.

    * ``mmcv._ext`` falls back to kernels of torch and torchvision if mmcv was installed without compiled operators.
    * mmcv's warning about ``MultiScaleDeformableAttention`` at import is silenced, and no other warning.
    * ``_base_ = 'mmseg::...'`` finds mmseg whatever name its distribution has.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    from . import mmcv_ext

    mmcv_ext.install()
    warnings.filterwarnings("ignore", message="(Fail to import )?``MultiScaleDeformableAttention``")
    MODULE2PACKAGE["mmseg"] = "mmseg"
