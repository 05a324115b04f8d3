from __future__ import annotations

import sys

import pytest
from mmengine.config import Config

from mmmim.config.extras import check_extra
from mmmim.errors import UsageError


@pytest.mark.parametrize(("package", "extra"), [("mmseg", "seg"), ("mmdet", "det")])
def test_a_missing_extra_is_one_line(package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError) as error:
        check_extra(Config(dict(default_scope=package), cfg_text=" ", filename="my.py"))
    assert str(error.value) == f"config my.py needs {package}, which is not installed: pip install 'mmmim[{extra}]'"
    check_extra(Config(dict(default_scope="mmmim")))
