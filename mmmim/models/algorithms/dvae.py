from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..data_preprocessors import statistics_of
from ..layers import ColorSpace, at_least_fp32, full_precision
from ..tokenizers.tiny_dvae import TinyDVAE, to_likelihood_range


@MODELS.register_module()
class DVAE(BaseModel):
    """The training of a ``TinyDVAE`` (`Ramesh et al., 2021`, Section 2.1).

    The loss is the logit-Laplace likelihood of the pixels under a Gumbel-softmax sample of the codes, plus the KL
    divergence of the codes' distribution from the uniform one.

    A checkpoint of this model is one of the tokenizer. ``TokenizerTrainingHook`` starts the codes by k-means, tells
    the model how far the training is, and prevents saving collapsed tokenizers.

    Args:
        tokenizer: Config of a ``TinyDVAE``; without ``checkpoint`` it starts from k-means.
        tau: First and last temperature; falls exponentially over the first ``tau_until`` of the training.
        kl_weight: Per token and pixel value (8 * 8 * 3 of them); rises linearly over the first ``kl_until``.
    """

    started: Tensor
    usage: Tensor

    def __init__(
        self,
        tokenizer: dict,
        tau: tuple[float, float] = (1.0, 0.1),
        tau_until: float = 0.8,
        kl_weight: float = 0.2,
        kl_until: float = 0.3,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if not tau[0] >= tau[1] > 0:
            raise UsageError(f"tau={tau} must be two positive temperatures, the last one not above the first")
        statistics = statistics_of(self.data_preprocessor) or dict(mean=(0.0,) * 3, std=(255.0,) * 3)
        if len(statistics["mean"]) != 3:
            raise UsageError(
                f"data_preprocessor.mean has {len(statistics['mean'])} values, but TinyDVAE works on RGB: give 3"
            )
        own = dict(checkpoint=None, allow_random="checkpoint" not in tokenizer, save_weights=True)
        built = MODELS.build({**own, **tokenizer})
        if not isinstance(built, TinyDVAE):
            raise UsageError(f"tokenizer: DVAE trains a TinyDVAE or a subclass of it, not a {type(built).__name__}")
        self.tokenizer = built.requires_grad_(True)
        self.tau, self.tau_until, self.kl_weight, self.kl_until = tau, tau_until, kl_weight, kl_until
        self.color_space = ColorSpace(**statistics)
        self.progress = 0.0
        self.register_buffer("started", torch.tensor("checkpoint" in tokenizer))
        self.register_buffer("usage", torch.zeros(self.tokenizer.num_codes), persistent=False)

    def set_progress(self, share: float) -> None:
        """Set how much of the training is over, in [0, 1]."""
        self.progress = share

    def start_from(self, images: Tensor, seed: int) -> None:
        """Start the codes by k-means of the 8 x 8 patches of ``images (B, 3, H, W)``, normalised."""
        side = self.tokenizer.stride
        patches = self.color_space.to_unit(images).unfold(2, side, side).unfold(3, side, side)  # (B,3,h,w,8,8)
        self.tokenizer.start_from(patches.permute(0, 2, 3, 1, 4, 5).flatten(0, 2), seed=seed)
        self.started.fill_(True)

    def schedules(self) -> tuple[float, float]:
        """Return the current temperature and the current weight of the divergence."""
        first, last = self.tau
        tau = first * (last / first) ** min(self.progress / self.tau_until, 1)
        return tau, self.kl_weight * min(self.progress / self.kl_until, 1)

    def forward(
        self, inputs: Tensor, labels: Tensor | None = None, indices: Tensor | None = None, mode: str = "tensor"
    ) -> Any:
        """Return losses, pictures or codes of ``inputs (B, 3, H, W)``, normalised, as ``mode`` asks.

        Labels are not used.
        """
        if mode == "loss":
            return self.loss(inputs)
        if mode == "predict":
            return self.predict(inputs)
        if mode == "tensor":
            return self.tokenizer.encode(self.color_space.to_unit(inputs))
        raise UsageError(f"mode={mode!r} is unknown; choose one of 'loss', 'predict', 'tensor'")

    def loss(self, images: Tensor) -> dict[str, Tensor]:
        """Return the losses, and the statistics of ``_report``."""
        pixels, (tau, kl_weight) = self.color_space.to_unit(images), self.schedules()
        logits, likelihood = self.tokenizer(pixels, tau)
        with full_precision(images.device.type):
            nll = logit_laplace_nll(at_least_fp32(likelihood), to_likelihood_range(pixels))
            log_q = F.log_softmax(logits, 1)  # (B,V,h,w)
            divergence = (log_q.exp() * (log_q + math.log(log_q.shape[1]))).sum(1).mean()
            values = 3 * self.tokenizer.stride**2
        return dict(loss_nll=nll, loss_kl=kl_weight / values * divergence, **self._report(pixels, logits))

    @torch.no_grad()
    def _report(self, pixels: Tensor, logits: Tensor) -> dict[str, Tensor]:
        """Return PSNR, codes in use and perplexity.

        PSNR is that of this step's ``decode`` of ``encode``; codes count if they were used in the last 50 steps.
        """
        ids = logits.argmax(1)  # (B,h,w)
        error = (self.tokenizer.decode_codes(ids) - pixels).square().mean()
        self.usage.mul_(0.98).scatter_add_(0, ids.flatten(), torch.ones_like(ids.flatten(), dtype=self.usage.dtype))
        seen = (self.usage > 0.98**50).sum().float()
        return dict(psnr=-10 * error.log10(), codes=seen, perplexity=self.perplexity())

    def perplexity(self) -> Tensor:
        """Return exp(entropy) of the codes of the last steps; older steps count less."""
        return torch.special.entr(self.usage / self.usage.sum()).sum().exp()

    @torch.no_grad()
    def predict(self, images: Tensor) -> dict[str, Any]:
        """Return pictures of a batch, in normalised image space; nothing is hidden or degraded."""
        ids = self.forward(images)  # (B,h,w)
        return dict(
            images=images,
            corrupted=images,
            mask=torch.zeros_like(ids, dtype=torch.bool),
            output=(decoded := self.color_space.normalise(self.tokenizer.decode(ids))),
            unaided=decoded,
            target=images,
            target_space="pixel",
        )


def logit_laplace_nll(likelihood: Tensor, values: Tensor) -> Tensor:
    """Return the mean of ``-ln p`` of ``values (B, C, H, W)`` in (0, 1).

    The density of their logits is Laplace's, with location and log scale ``likelihood (B, 2C, H, W)``.
    """
    location, log_scale = likelihood.chunk(2, 1)
    distance = (values.logit() - location).abs() * (-log_scale).exp()
    return (distance + log_scale + math.log(2) + values.log() + (1 - values).log()).mean()
