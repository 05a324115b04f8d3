from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from mmmim import compat

compat.setup()
from mmcv.ops import RoIAlign, softmax_focal_loss  # noqa: E402


def test_other_operators_name_themselves() -> None:
    with pytest.raises(RuntimeError, match=r"op softmax_focal_loss_forward needs compiled mmcv, .*docs/downstream.md"):
        softmax_focal_loss(torch.randn(2, 3), torch.tensor([0, 1]))


def test_max_pooling_is_refused() -> None:
    with pytest.raises(RuntimeError, match="pool_mode='max' needs compiled mmcv"):
        RoIAlign(2, 1.0, 2, pool_mode="max")(torch.randn(1, 1, 4, 4), torch.tensor([[0.0, 0.0, 0.0, 2.0, 2.0]]))


def run_python(code: str, *options: str) -> str:
    result = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def test_compiled_operators_win() -> None:
    code = """
import sys, importlib.machinery, types
class Compiled:
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "mmcv._ext" else None
    def create_module(self, spec): return None
    def exec_module(self, module): module.nms = "compiled"
import mmmim.compat
mmmim.compat.setup()
sys.meta_path.insert(len(sys.meta_path) - 1, Compiled())  # where a site-packages finder stands
mmmim.compat.setup()
import mmcv._ext
print(mmcv._ext.nms, sum(type(f).__name__ == "TorchvisionOpsFinder" for f in sys.meta_path))
"""
    assert run_python(code).split() == ["compiled", "1"]


def test_importing_the_stack_is_quiet_and_other_warnings_stay() -> None:
    code = "import mmmim.compat.openmmlab, mmcv.cnn, warnings; warnings.warn('heard')"
    output = run_python(code, "-W", "always::UserWarning")
    assert "MultiScaleDeformableAttention" not in output
    assert "heard" in output


def test_a_config_may_inherit_from_mmseg() -> None:
    from mmengine.config import Config

    config = Config.fromstring("_base_ = 'mmseg::_base_/models/upernet_r50.py'", ".py")
    assert config.model.decode_head.type == "UPerHead"
