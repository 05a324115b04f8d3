from __future__ import annotations

from torch import Tensor, nn

from mmmim.checks import one_of
from mmmim.registry import MODELS


def mlp(in_dims: int, hidden: int, out_dims: int) -> nn.Sequential:
    """Linear (no bias) -> BatchNorm -> ReLU -> Linear."""
    return nn.Sequential(
        nn.Linear(in_dims, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(True),
        nn.Linear(hidden, out_dims),
    )


@MODELS.register_module()
class ContrastProjector(nn.Module):
    """Two-layer projector g of ccMIM: Linear -> BN -> ReLU -> Linear -> BN, no biases, per-process batch statistics.

    Args:
        in_dims: Encoder width D.
        hidden: Hidden width; D by default.
        out_dims: Width of the projection.
        last_bn_affine: Learn scale and shift of the last BN.
        sync_bn: Batch statistics over all processes (CUDA only).
        norm: ``bn``, or ``none`` to leave batch statistics out altogether.
    """

    def __init__(
        self,
        in_dims: int,
        hidden: int | None = None,
        out_dims: int = 256,
        last_bn_affine: bool = False,
        sync_bn: bool = False,
        norm: str = "bn",
    ) -> None:
        super().__init__()
        self.uses_batch_statistics = one_of("norm", norm, ("bn", "none")) == "bn"
        bn = nn.SyncBatchNorm if sync_bn else nn.BatchNorm1d
        hidden = hidden or in_dims
        self.layers = nn.Sequential(
            nn.Linear(in_dims, hidden, bias=False),
            bn(hidden) if norm == "bn" else nn.Identity(),
            nn.ReLU(True),
            nn.Linear(hidden, out_dims, bias=False),
            bn(out_dims, affine=last_bn_affine) if norm == "bn" else nn.Identity(),
        )
        self.out_dims = out_dims

    def forward(self, x: Tensor) -> Tensor:
        """``(B, D) -> (B, out_dims)``."""
        if self.training and self.uses_batch_statistics and len(x) < 2:
            raise ValueError(
                "train_dataloader.batch_size=1: the projector's BatchNorm needs at least 2 images per process; "
                "raise the batch size or set projector.norm='none'"
            )
        return self.layers(x)
