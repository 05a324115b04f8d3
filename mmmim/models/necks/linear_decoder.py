from __future__ import annotations

from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import PatchMask, take
from ..layers.init import beit_linear_
from .base import Neck


@MODELS.register_module()
class LinearDecoder(Neck):
    """SimMIM's prediction head: one linear layer from each token to the values of its patch (`Xie et al., 2022`).

    The paper writes it as a 1x1 convolution and a pixel shuffle over the whole map; computing it only
    for the patches that are scored gives the same loss and gradients.

    Args:
        in_dims: Encoder width D.
        out_dims: Values per patch T.
        depth: 2 puts ``Linear(D, D)`` and GELU before it (Table 2).
        init: ``torch``, or ``beit`` for weights of N(0, 0.02) cut at one deviation and zero biases (BEiT, CIM).
        max_params: Largest number of parameters to build: 256 colour bins of 32 x 32 pixels take 806 million.
    """

    input_tokens = "all"

    def __init__(
        self,
        in_dims: int,
        out_dims: int,
        depth: int = 1,
        num_prefix: int = 0,
        init: str = "torch",
        max_params: int = 400_000_000,
    ) -> None:
        super().__init__()
        if depth not in (1, 2):
            raise UsageError(f"depth={depth} must be 1 (linear) or 2 (MLP)")
        params = (depth - 1) * (in_dims + 1) * in_dims + (in_dims + 1) * out_dims
        if params > max_params:
            raise UsageError(
                f"LinearDecoder would have {params:,} parameters for {out_dims:,} outputs per patch "
                f"(max_params={max_params:,}); set target_generator.downsample, use fewer classes, or raise max_params"
            )
        self.num_prefix = num_prefix
        hidden = [nn.Linear(in_dims, in_dims), nn.GELU()] if depth == 2 else []
        self.layers = nn.Sequential(*hidden, nn.Linear(in_dims, out_dims))
        if one_of("init", init, ("torch", "beit")) == "beit":
            beit_linear_(self)

    def forward(self, latent: Tensor, mask: PatchMask | None = None, where: Tensor | None = None) -> Tensor:
        """Return predictions ``(B, n, T)`` at the patches ``where (B, n)``, or at all, from ``latent (B, P+N, D)``."""
        tokens = latent[:, self.num_prefix :]
        return self.layers(tokens if where is None else take(tokens, where))
