from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


def fast_linear() -> AbstractContextManager:
    """Return a context in which fp32 linear layers on a CPU with AVX-512 are computed by oneDNN; it has no gradients.

    torch gives them to MKL, which uses only half of the width of the registers of CPUs that are not Intel's: an EPYC of
    AMD computes them twice as fast by oneDNN. The sums are the same but for the rounding of their last bits.
    """
    backends = torch.backends
    wanted = backends.mkldnn.is_available() and backends.mkl.is_available()
    return _LinearAsConvolution() if wanted and _has_avx512() else nullcontext()


def _has_avx512() -> bool:
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


class _LinearAsConvolution(TorchFunctionMode):
    """Computes ``F.linear`` as a convolution with a kernel of one pixel, which torch gives to oneDNN."""

    def __torch_function__(
        self,
        func: Callable,
        types: Iterable[type],
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is F.linear and not kwargs and _fits(*args[:2]):
            return _convolve(*args)
        return func(*args, **(kwargs or {}))


def _fits(x: Tensor, weight: Tensor) -> bool:
    """Return whether torch would give this to MKL, and the convolution to oneDNN: not for a single sample."""
    plain = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and weight.ndim == 2
    return plain and x.ndim >= 2 and len(x) > 1 and x.numel() > 0 and not torch.is_autocast_enabled("cpu")


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    as_image = x.reshape(len(x), -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # (B, C, N, 1), channels last in memory
    return F.conv2d(as_image, weight[..., None, None], bias).permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))
