from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import PatchMask, take
from .base import Neck, Projector

NORMS = ("bn", "sync_bn", "ln", "none")
ROWS = ("all", "patches", "masked")


def mlp(in_dims: int, hidden: int, out_dims: int) -> nn.Sequential:
    """Return an MLP: Linear (no bias) -> BatchNorm -> ReLU -> Linear."""
    return nn.Sequential(
        nn.Linear(in_dims, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(True),
        nn.Linear(hidden, out_dims),
    )


def norm_layer(norm: str, dims: int, affine: bool = True) -> nn.Module:
    """Return the norm of that name, one of :data:`NORMS`, for rows of ``dims`` values."""
    if norm == "none":
        return nn.Identity()
    if norm == "ln":
        return nn.LayerNorm(dims, elementwise_affine=affine)
    return (nn.SyncBatchNorm if norm == "sync_bn" else nn.BatchNorm1d)(dims, affine=affine)


def normed_mlp(widths: Sequence[int], norm: str, last_affine: bool) -> nn.Sequential:
    """Return an MLP of Linear (no bias) -> norm -> ReLU between the ``widths``; the last layer ends with its norm."""
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        last = index == len(widths) - 2
        layers += [nn.Linear(inputs, outputs, bias=False), norm_layer(norm, outputs, last_affine if last else True)]
        layers += [] if last else [nn.ReLU(True)]
    return nn.Sequential(*layers)


@MODELS.register_module()
class ContrastProjector(Projector):
    """The two-layer projector g of ccMIM: Linear -> BN -> ReLU -> Linear -> BN, no biases, statistics per process.

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
        kind = "sync_bn" if sync_bn and self.uses_batch_statistics else norm
        self.layers = normed_mlp([in_dims, hidden or in_dims, out_dims], kind, last_bn_affine)
        self.out_dims = out_dims

    def forward(self, x: Tensor) -> Tensor:
        """Return the projections ``(B, out_dims)`` of ``x (B, D)``."""
        if self.training and self.uses_batch_statistics and len(x) < 2:
            raise UsageError(
                "train_dataloader.batch_size=1: the projector's BatchNorm needs at least 2 images per process; "
                "raise the batch size or set projector.norm='none'"
            )
        return self.layers(x)


@MODELS.register_module()
class PatchProjector(Neck):
    """The projection head of ConMIM, token by token: three Linear layers without bias, norm after each, ReLU between.

    Args:
        in_dims: Encoder width D, filled from the backbone.
        hidden, out_dims: Widths, 4096 and 256 in the authors' code; the paper says "3-layer head as in MoCo v3".
        depth: Number of linear layers.
        norm: ``bn`` with the statistics of this process' rows, ``sync_bn`` (CUDA only), ``ln`` or ``none``. The last
            norm has no scale and shift.
        rows: What enters the batch statistics: ``all`` tokens (the authors' code), ``patches`` without class token,
            ``masked`` only the rows that are asked for. Without batch statistics the three are equal.
        pool: Project the mean of the patches instead, ``(B, 1, out_dims)`` (instance contrast, Table 4).
    """

    input_tokens = "all"

    def __init__(
        self,
        in_dims: int,
        out_dims: int = 256,
        hidden: int = 4096,
        depth: int = 3,
        norm: str = "bn",
        rows: str = "all",
        pool: bool = False,
        num_prefix: int = 1,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise UsageError(f"depth={depth} must be at least 1")
        self.rows = one_of("rows", rows, ROWS)
        self.pool, self.num_prefix, self.out_dims = pool, num_prefix, out_dims
        widths = [in_dims, *[hidden] * (depth - 1), out_dims]
        self.layers = normed_mlp(widths, one_of("norm", norm, NORMS), last_affine=False)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02, a=-0.02, b=0.02)

    def forward(self, latent: Tensor, mask: PatchMask | None = None, where: Tensor | None = None) -> Tensor:
        """Return ``(B, n, out_dims)`` of ``latent (B, P+N, D)`` at the patches ``where (B, n)``, or at all."""
        if self.pool:
            return self.project(latent[:, self.num_prefix :].mean(1, keepdim=True))
        if self.rows == "all":
            patches = self.project(latent)[:, self.num_prefix :]
            return patches if where is None else take(patches, where)
        patches = latent[:, self.num_prefix :]
        if where is None:
            return self.project(patches)
        if self.rows == "masked":
            return self.project(take(patches, where))
        return take(self.project(patches), where)

    def project(self, tokens: Tensor) -> Tensor:
        """Return the projections ``(B, n, out_dims)`` of tokens ``(B, n, D)``, which all count in batch statistics."""
        return self.layers(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])
