"""Importing this module runs :func:`mmmim.compat.setup`.

Dense configs name it in ``custom_imports``, which MMEngine reads with the config file and so before mmseg or
mmdet build anything: the configs then also run under mmseg's and mmdet's own tools.
"""

from . import setup

setup()
