from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmmim.datasets import SampleKey
from mmmim.errors import RunFailed, UsageError
from mmmim.registry import HOOKS


@HOOKS.register_module()
class TokenizerTrainingHook(Hook):
    """Prepares and watches the training of a tokenizer (``DVAE``).

    It initialises the codes by k-means if that has not been done, tells the model the progress of the training, and
    refuses to write a checkpoint of a tokenizer that uses few codes.

    Args:
        num_patches: Number of patches for k-means, 8 x 8 pixels each, from training samples in random order.
        min_perplexity: The lowest perplexity, exp(entropy), of the codes of the last steps with which a checkpoint is
            written.
    """

    def __init__(self, num_patches: int = 16384, min_perplexity: float = 50.0) -> None:
        self.num_patches, self.min_perplexity = num_patches, min_perplexity

    def before_train(self, runner: Runner) -> None:
        model = _model(runner)
        if not hasattr(model, "start_from"):
            raise UsageError(
                f"TokenizerTrainingHook: {type(model).__name__} trains no tokenizer; remove the hook from default_hooks"
            )
        if model.started:
            return
        seed = torch.tensor(runner.seed)
        broadcast(seed)
        images = self._first_images(runner.train_dataloader.dataset, int(seed))
        model.start_from(model.data_preprocessor(dict(inputs=images))["inputs"], int(seed))
        for parameter in model.parameters():  # k-means may round differently on other processes
            broadcast(parameter.data)
        runner.logger.info(f"Codes start from k-means of {self.num_patches} patches")

    def _first_images(self, dataset: Dataset, seed: int) -> torch.Tensor:
        """Return training samples with enough patches for k-means, the same ones on every process."""
        count: int = len(dataset)  # type: ignore[arg-type]
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
        images: list[torch.Tensor] = []
        while sum(image[0].numel() for image in images) < self.num_patches * 64:
            epoch, place = divmod(len(images), count)
            images.append(dataset[SampleKey(seed, epoch, order[place])]["inputs"])
        return torch.stack(images)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        _model(runner).set_progress(runner.iter / runner.max_iters)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        model = _model(runner)
        if model.usage.any() and (perplexity := float(model.perplexity())) < self.min_perplexity:
            raise RunFailed(
                f"the tokenizer has collapsed: its {len(model.usage)} codes have perplexity {perplexity:.1f}, below "
                f"min_perplexity={self.min_perplexity:g}, so no checkpoint was written. Train on more varied images, "
                "with a lower optim_wrapper.optimizer.lr, or for less use set default_hooks.tokenizer.min_perplexity"
            )


def _model(runner: Runner) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
