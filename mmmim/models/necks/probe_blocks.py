from __future__ import annotations

from collections.abc import Sequence

from timm.layers import LayerNorm
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import LeanBlock
from ..layers.init import xavier_linear_


@MODELS.register_module()
class ProbeBlocks(nn.Module):
    """The non-linear probe of Beyond Masking: new pre-norm blocks and a norm on the tokens of a frozen encoder.

    The backbone gives its tokens after the final norm (``out_type='raw'``) and is frozen by ``frozen_stages=depth``.
    The last block computes only the rows that are pooled (exact).

    Args:
        in_dims, num_heads: Filled from the backbone, as is ``num_prefix``: 1 with a class token, else 0.
        depth: Number of blocks; the paper has 2 and 4.
        pooling: ``cls`` or ``avg``, the mean of the patches; default: the class token if there is one.
    """

    def __init__(
        self,
        in_dims: int,
        num_heads: int,
        depth: int = 2,
        mlp_ratio: float = 4.0,
        pooling: str | None = None,
        num_prefix: int = 1,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise UsageError(f"depth={depth} must be at least 1; a linear probe needs no neck")
        if in_dims % num_heads:
            raise UsageError(f"in_dims={in_dims} is not divisible by num_heads={num_heads}")
        self.pooling = one_of("pooling", pooling or ("cls" if num_prefix else "avg"), ("cls", "avg"))
        if self.pooling == "cls" and not num_prefix:
            raise UsageError("pooling='cls' needs a backbone with a class token; use pooling='avg'")
        self.num_prefix = num_prefix
        self.blocks = nn.ModuleList(LeanBlock(in_dims, num_heads, mlp_ratio) for _ in range(depth))
        self.norm = LayerNorm(in_dims)
        xavier_linear_(self)

    def forward(self, outputs: Tensor | Sequence[Tensor]) -> Tensor:
        """Pool the last of the backbone's outputs, tokens ``(B, P+N, D)``, to ``(B, D)``."""
        x = outputs if isinstance(outputs, Tensor) else outputs[-1]
        if x.ndim != 3:
            raise UsageError(f"ProbeBlocks reads tokens, got shape {tuple(x.shape)}; set backbone.out_type='raw'")
        for block in self.blocks[:-1]:
            x = block(x)
        return self.norm(self.blocks[-1](x, self._pooled)).mean(1)

    def _pooled(self, tokens: Tensor) -> Tensor:
        return tokens[:, :1] if self.pooling == "cls" else tokens[:, self.num_prefix :]
