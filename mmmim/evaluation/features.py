from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from mmengine.dist import all_gather_object
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of

POOLS = ("avg", "cls")


class Features(NamedTuple):
    """Frozen features of a dataset in host memory, in the order of the sample indices."""

    x: Tensor  # (M, D) fp32
    y: Tensor  # (M,) class ids, -1 where unknown


class EncodedBatch(NamedTuple):
    """Features of one batch on the host; the tensors share no memory with a data worker."""

    x: Tensor  # (B, D) fp32
    labels: Tensor  # (B,)
    indices: Tensor  # (B,)


def pool_output(output: Tensor, pool: str, num_prefix: int) -> Tensor:
    """Return features ``(B, D)`` from tokens ``(B, P+N, D)``, a feature map ``(B, D, h, w)`` or pooled ``(B, D)``."""
    one_of("pool", pool, POOLS)
    if output.ndim == 2:
        return output
    if pool == "cls":
        if output.ndim != 3 or num_prefix == 0:
            raise UsageError("pool: this backbone gives no class token; use pool='avg'.")
        return output[:, 0]
    return output[:, num_prefix:].mean(1) if output.ndim == 3 else output.mean((2, 3))


def encode(backbone: nn.Module, batch: dict, preprocessor: Callable[[dict], dict], pool: str = "avg") -> EncodedBatch:
    """Return the pooled features of the backbone's last output for one batch; mode and gradients are the caller's."""
    output = backbone(preprocessor(batch)["inputs"])[-1]
    x = pool_output(output, pool, getattr(backbone, "num_prefix", 0)).float().cpu()
    return EncodedBatch(x, *(torch.as_tensor(batch[name]).cpu().clone() for name in ("labels", "indices")))


def collect_features(batches: Sequence[EncodedBatch]) -> Features:
    """Return the features of all batches of all processes in the order of the indices; repeated samples count once."""
    if not batches:
        raise UsageError("dataloader: no batch; the dataset is empty or smaller than a batch with drop_last=True.")
    local = tuple(torch.cat(column) for column in zip(*batches, strict=True))
    x, y, index = (torch.cat(column) for column in zip(*all_gather_object(local), strict=True))
    order = index.argsort(stable=True)
    first = torch.ones(len(order), dtype=torch.bool)
    first[1:] = index[order][1:] != index[order][:-1]
    return Features(x[order[first]], y[order[first]])


@torch.no_grad()
def extract_features(
    backbone: nn.Module,
    dataloader: Iterable[dict],
    preprocessor: Callable[[dict], dict],
    pool: str = "avg",
) -> Features:
    """Return the pooled features of the backbone's last output for every sample of the loader, in eval mode.

    ``avg`` is the mean of the patch tokens after the encoder's final norm, ``cls`` is its class token. Every process
    gets the features of all processes. A sample that occurs twice (padding, replaced files) counts once.

    The backbone may be one in training: it gets its mode back, and its buffers stay usable by autograd.

    Args:
        preprocessor: Maps a batch to a normalised batch on the device; the model's ``data_preprocessor``.
    """
    was_training = backbone.training
    backbone.eval()
    try:
        return collect_features([encode(backbone, batch, preprocessor, pool) for batch in dataloader])
    finally:
        backbone.train(was_training)
