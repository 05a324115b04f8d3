"""``mmcv.ops`` finds the operators of ``mmmim.compat``."""

from mmmim import compat

compat.setup()
