"""Run a script of MMSegmentation or MMDetection after :func:`mmmim.compat.setup`.

``python -m mmmim.compat tools/test.py CONFIG CKPT`` does what ``python tools/test.py CONFIG CKPT`` does. Some scripts
import mmcv's operators before they read a config, so that its ``custom_imports`` come too late.
"""

from __future__ import annotations

import os
import runpy
import sys

from mmmim.compat import setup

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m mmmim.compat SCRIPT [ARGUMENTS]")
    del sys.argv[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
    setup()
    runpy.run_path(sys.argv[0], run_name="__main__")
