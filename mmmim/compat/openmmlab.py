"""A module whose import runs :func:`mmmim.compat.setup`.

Dense configs name it in ``custom_imports``, which MMEngine imports with the config file and so before mmseg or
mmdet build anything. The configs then also run under mmseg's and mmdet's own tools.
"""

from . import setup

setup()
