from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from timm.layers import LayerNorm
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers.init import xavier_linear_


@MODELS.register_module()
class AttentivePooling(nn.Module):
    """The attentive probe (CAE; also AIM, V-JEPA): learned queries attend to the tokens of a frozen encoder.

    ``softmax(q k^T / sqrt(d)) v`` with ``k = W_k LN(x)``, ``v = W_v LN(x)`` in ``num_heads`` heads of width d; the mean
    over the queries goes to the head. Projections of the queries and of the result would add nothing: the queries are
    free parameters, and a linear layer follows.

    The backbone gives its tokens (``out_type='raw'``) and is frozen by ``frozen_stages=depth``.

    Args:
        in_dims, num_heads: Filled from the backbone, as is ``num_prefix``: 1 with a class token, else 0.
        num_queries: The usual probe has one.
        with_prefix: Attend to the class token as well, not only to the patches.
        qkv_bias: Biases of W_k and W_v.
    """

    def __init__(
        self,
        in_dims: int,
        num_heads: int,
        num_queries: int = 1,
        with_prefix: bool = False,
        qkv_bias: bool = True,
        num_prefix: int = 1,
    ) -> None:
        super().__init__()
        if in_dims % num_heads:
            raise UsageError(f"in_dims={in_dims} is not divisible by num_heads={num_heads}")
        if num_queries < 1:
            raise UsageError(f"num_queries={num_queries} must be at least 1")
        self.num_heads = num_heads
        self.num_ignored = 0 if with_prefix else num_prefix
        self.norm = LayerNorm(in_dims)
        self.kv = nn.Linear(in_dims, 2 * in_dims, bias=qkv_bias)
        self.queries = nn.Parameter(torch.empty(num_queries, in_dims))
        nn.init.trunc_normal_(self.queries, std=0.02)
        xavier_linear_(self)

    def forward(self, outputs: Tensor | Sequence[Tensor]) -> Tensor:
        """Pool the last of the backbone's outputs, tokens ``(B, P+N, D)``, to ``(B, D)``."""
        x = outputs if isinstance(outputs, Tensor) else outputs[-1]
        if x.ndim != 3:
            raise UsageError(f"AttentivePooling reads tokens, got shape {tuple(x.shape)}; set backbone.out_type='raw'")
        keys, values = self.kv(self.norm(x[:, self.num_ignored :])).chunk(2, dim=-1)  # (B,N,D) each
        queries = self.queries.to(keys.dtype).expand(len(x), -1, -1)
        heads = [t.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for t in (queries, keys, values)]  # (B,H,n,d)
        return F.scaled_dot_product_attention(*heads).mean(2).flatten(1)  # (B,D)
