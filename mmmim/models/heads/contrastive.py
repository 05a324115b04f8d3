from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmengine import dist
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import full_precision
from ..necks.projector import mlp

NEGATIVES = ("eq7", "vm", "eq2")


class _GatherRows(torch.autograd.Function):
    """The rows of all ranks.

    In the backward pass, the gradients that all ranks have for this rank's rows are summed.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.cat(dist.all_gather(x))  # (W*B,d)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.contiguous()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


def gather_rows(x: Tensor) -> Tensor:
    """Return the rows of all ranks ``(W*B, d)``, from rows ``(B, d)`` of each; differentiable if ``x`` is."""
    return x if dist.get_world_size() == 1 else _GatherRows.apply(x)


@MODELS.register_module()
class InfoNCE(nn.Module):
    r"""Contrast of the visible (v) with the masked (m) class token of the same image, Eq. 2 and 7 of ccMIM.

    With cosine similarity and temperature tau, the positive pair is :math:`v_i m_i`; negatives are, over all ranks,

    - ``eq7``: :math:`v_i v_j (j \ne i)` and :math:`m_i v_j`, anchored on the masked token (the paper's loss);
    - ``vm``: :math:`v_i m_j` only (the released code);
    - ``eq2``: :math:`v_i v_j (j \ne i)` and :math:`v_i m_j` (SimCLR's form).

    Args:
        scale: Factor of the loss, ``one`` or ``2tau``.
        gather: Take negatives from all ranks. The visible side is gathered with gradients, so that the mean over
            ranks is the gradient of the global batch.
    """

    def __init__(self, negatives: str = "eq7", tau: float = 0.5, scale: str = "one", gather: bool = True) -> None:
        super().__init__()
        if not tau > 0:
            raise UsageError(f"tau={tau} must be positive")
        self.negatives = one_of("negatives", negatives, NEGATIVES)
        self.tau, self.gather = tau, gather
        self.factor = dict(one=1.0, **{"2tau": 2 * tau})[one_of("scale", scale, ("one", "2tau"))]
        self._batch_checked = False

    def forward(self, visible: Tensor, masked: Tensor) -> Tensor:
        """Return the loss of the projections ``(B, d)`` of both branches, a scalar."""
        with full_precision(visible.device.type):
            accurate = torch.promote_types(visible.dtype, torch.float32)
            v, m = F.normalize(visible.to(accurate), dim=1), F.normalize(masked.to(accurate), dim=1)
            return self.factor * self._info_nce(v, m)

    def _all(self, x: Tensor) -> Tensor:
        return gather_rows(x) if self.gather else x

    def _info_nce(self, v: Tensor, m: Tensor) -> Tensor:
        positive = (v * m).sum(1) / self.tau  # (B,)
        logits = []
        if self.gather:
            self._check_equal_batches(len(v))
        own = torch.arange(len(v), device=v.device) + (dist.get_rank() * len(v) if self.gather else 0)
        if self.negatives in ("eq7", "eq2"):
            all_v = self._all(v)  # (N,d)
            among_visible = v @ all_v.T / self.tau  # (B,N)
            logits.append(among_visible.scatter(1, own[:, None], float("-inf")))
            if self.negatives == "eq7":
                logits.append(m @ all_v.T / self.tau)
        if self.negatives in ("vm", "eq2"):
            logits.append(v @ self._all(m).T / self.tau)
        return (torch.cat(logits, 1).logsumexp(1) - positive).mean()

    def _check_equal_batches(self, batch_size: int) -> None:
        if self._batch_checked or dist.get_world_size() == 1:
            return
        sizes = dist.all_gather_object(batch_size)
        if len(set(sizes)) != 1:
            raise UsageError(f"InfoNCE(gather=True) needs equal batches on all ranks, got {sizes}; set drop_last=True")
        self._batch_checked = True


@MODELS.register_module()
class Align(nn.Module):
    """The alignment loss of ccMIM, Eq. 8: mean of 1 - cos(SG(h_m), p(h_v)), with a two-layer predictor p.

    Args:
        dims: Width of the projections; filled from the projector.
        hidden: Hidden width of the predictor; filled with the encoder's width.
    """

    def __init__(self, dims: int, hidden: int) -> None:
        super().__init__()
        self.predictor = mlp(dims, hidden, dims)

    def forward(self, visible: Tensor, masked: Tensor) -> Tensor:
        predicted = self.predictor(visible)
        with full_precision(visible.device.type):
            accurate = torch.promote_types(predicted.dtype, torch.float32)
            return (1 - F.cosine_similarity(predicted.to(accurate), masked.to(accurate).detach())).mean()
