from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import full_precision, take
from .base import ContrastHead
from .contrastive import gather_rows

CHUNK = 4096  # number of queries whose logits against all keys are in memory at the same time


def unit_rows(x: Tensor) -> Tensor:
    """Return ``x`` with rows of length 1, in fp32 or better."""
    return F.normalize(x.to(torch.promote_types(x.dtype, torch.float32)), dim=-1, eps=1e-12)


@MODELS.register_module()
class PatchContrastHead(ContrastHead):
    """The denoising contrast of ConMIM (Eq. 3): each masked patch has to find its own key among those of its image.

    ``L = mean_b mean_j (log sum_i exp(q_j k_i / tau) - q_j k_j / tau)`` over the masked patches j of image b and the
    keys i of all its patches; q and k have length 1.

    Args:
        temperature: tau.
        dictionary: Keys to tell apart: those of the ``image``; of all images of this process (``gpu``, Table 5
            "more"); or those of the image that do not resemble the positive one (``filtered``, Table 5 "fewer").
        filter_threshold: Similarity above which ``filtered`` leaves a key out; unpublished.
        filter_metric: Similarity of a key with the positive key (``key_key``) or with the query (``query_key``).
        reduction: Mean over the patches of each image, then over images (``image``, Eq. 3), or over all patches
            (``token``, the authors' code); both are equal if all images have the same number of masked patches.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        dictionary: str = "image",
        filter_threshold: float | None = None,
        filter_metric: str = "key_key",
        reduction: str = "image",
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise UsageError(f"temperature={temperature} must be positive")
        self.temperature = temperature
        self.dictionary = one_of("dictionary", dictionary, ("image", "gpu", "filtered"))
        if (dictionary == "filtered") != (filter_threshold is not None):
            raise UsageError(
                f"dictionary={dictionary!r}, filter_threshold={filter_threshold}: a threshold (a cosine, for example "
                "0.7) goes with dictionary='filtered' and with no other"
            )
        self.filter_threshold = filter_threshold
        self.filter_metric = one_of("filter_metric", filter_metric, ("key_key", "query_key"))
        self.reduction = one_of("reduction", reduction, ("image", "token"))

    def loss(
        self, queries: Tensor, keys: Tensor, where: Tensor | None = None, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the contrastive loss and statistics of the features.

        The statistics are the share of queries whose best key is their own, the mean cosines with the own and the other
        keys, and the deviation of the features (sqrt(d) times; 0 means collapse).

        Args:
            queries: ``(B, n, d)``.
            keys: ``(B, N, d)``.
            where: Patches of the queries ``(B, n)``; None: all N.
            weight: ``(B, n)`` of 0 and 1; queries with 0 are left out.
        """
        if queries.shape[0] != keys.shape[0] or (where is None and queries.shape[1] != keys.shape[1]):
            raise ValueError(
                f"queries {tuple(queries.shape)} and keys {tuple(keys.shape)} are of different images or grids; "
                "both views must have the same size"
            )
        with full_precision(queries.device.type):
            q, k = unit_rows(queries), unit_rows(keys.detach())
            own = torch.arange(k.shape[1], device=k.device).expand(len(k), -1) if where is None else where  # (B,n)
            logits = q @ k.transpose(1, 2) / self.temperature  # (B,n,N)
            errors = self._errors(q, k, logits, own)  # (B,n)
            return dict(loss_contrast=self._mean(errors, weight), **self._statistics(q, k, logits.detach(), own))

    def _errors(self, q: Tensor, k: Tensor, logits: Tensor, own: Tensor) -> Tensor:
        if self.dictionary == "gpu":
            return self._errors_in_batch(q, k, own)
        if self.dictionary == "filtered":
            logits = logits.masked_fill(self._resembling(q, k, own), float("-inf"))
        return F.cross_entropy(logits.flatten(0, 1), own.flatten(), reduction="none").view(own.shape)

    @torch.no_grad()
    def _resembling(self, q: Tensor, k: Tensor, own: Tensor) -> Tensor:
        """Return which keys, other than the own one, are above the threshold: ``(B, n, N)`` bool."""
        assert self.filter_threshold is not None
        anchors = take(k, own) if self.filter_metric == "key_key" else q
        near = anchors @ k.transpose(1, 2) > self.filter_threshold
        return near.scatter(2, own.unsqueeze(2), False)

    def _errors_in_batch(self, q: Tensor, k: Tensor, own: Tensor) -> Tensor:
        """Return the error ``(B, n)`` of each query among the keys of all images.

        The logits would be (B n) x (B N), so they are computed in chunks, and again in the backward pass.
        """
        rows, patches = q.flatten(0, 1), k.shape[1]
        targets = (own + patches * torch.arange(len(k), device=k.device)[:, None]).flatten()
        dictionary = k.flatten(0, 1)

        def errors(queries: Tensor, target: Tensor) -> Tensor:
            return F.cross_entropy(queries @ dictionary.T / self.temperature, target, reduction="none")

        parts = zip(rows.split(CHUNK), targets.split(CHUNK), strict=True)
        return torch.cat([checkpoint(errors, *part, use_reentrant=False) for part in parts]).view(own.shape)

    def _mean(self, errors: Tensor, weight: Tensor | None) -> Tensor:
        if weight is None:
            return errors.mean()
        weight = weight.to(errors.dtype)
        if self.reduction == "token":
            return (errors * weight).sum() / weight.sum().clamp_min(1)
        counts = weight.sum(1)
        means = (errors * weight).sum(1) / counts.clamp_min(1)
        return means.sum() / (counts > 0).sum().clamp_min(1)

    @torch.no_grad()
    def _statistics(self, q: Tensor, k: Tensor, logits: Tensor, own: Tensor) -> dict[str, Tensor]:
        positive = logits.gather(2, own.unsqueeze(2)).squeeze(2)
        others = (logits.sum(2) - positive) / max(logits.shape[2] - 1, 1)
        return dict(
            retrieval_top1=(logits.argmax(2) == own).float().mean(),
            cosine_positive=positive.mean() * self.temperature,
            cosine_negative=others.mean() * self.temperature,
            query_std=spread(q),
            key_std=spread(k),
        )


def spread(x: Tensor) -> Tensor:
    """Return the mean standard deviation of a dimension over all rows, times sqrt(d).

    It is 1 if no direction is preferred.
    """
    rows = x.flatten(0, -2)
    return rows.std(0, correction=0).mean() * x.shape[-1] ** 0.5


@MODELS.register_module()
class InstanceContrastHead(ContrastHead):
    """The contrast of whole images (ConMIM, Table 4): find the key of the same image among those of all images.

    Args:
        gather: Take the other images from all processes.
    """

    contrasts_images = True

    def __init__(self, temperature: float = 0.1, gather: bool = True) -> None:
        super().__init__()
        if not temperature > 0:
            raise UsageError(f"temperature={temperature} must be positive")
        self.temperature, self.gather = temperature, gather

    def loss(
        self, queries: Tensor, keys: Tensor, where: Tensor | None = None, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the contrastive loss and statistics of ``queries`` and ``keys``, both ``(B, 1, d)``."""
        if queries.shape[1] != 1:
            raise UsageError("InstanceContrastHead compares one vector per image; set neck.pool=True")
        with full_precision(queries.device.type):
            q, k = unit_rows(queries[:, 0]), unit_rows(keys[:, 0].detach())
            all_keys = gather_rows(k) if self.gather else k
            own = torch.arange(len(q), device=q.device) + (get_rank() * len(q) if self.gather else 0)
            logits = q @ all_keys.T / self.temperature  # (B, W*B)
            top1 = (logits.argmax(1) == own).float().mean()
            return dict(
                loss_contrast=F.cross_entropy(logits, own),
                retrieval_top1=top1,
                query_std=spread(q.detach()),
                key_std=spread(k),
            )
