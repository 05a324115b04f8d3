from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmmim.engine.hooks.tokenizer_training import TokenizerTrainingHook
from mmmim.errors import RunFailed, UsageError


class Tokenizer(nn.Module):
    """Notes what a tokenizer in training is told."""

    def __init__(self, perplexity: float = 100.0, started: bool = False) -> None:
        super().__init__()
        self.started, self.usage, self.found = started, torch.ones(512), perplexity
        self.given: list[Any] = []

    def data_preprocessor(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        return data

    def start_from(self, images: Tensor, seed: int) -> None:
        self.given.append((images.shape[0], seed, images[0, 0, 0, 0].item()))

    def set_progress(self, progress: float) -> None:
        self.given.append(progress)

    def perplexity(self) -> Tensor:
        return torch.tensor(self.found)


class Images:
    """Ten images of 16 x 16 pixels, 4 patches each, whose value tells index and epoch."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, key: Any) -> dict[str, Tensor]:
        return dict(inputs=torch.full((3, 16, 16), 100 * key.epoch + key.index))


def runner_of(model: nn.Module, **facts: Any) -> SimpleNamespace:
    loader = SimpleNamespace(dataset=Images())
    logger = SimpleNamespace(info=lambda line: None)
    return SimpleNamespace(model=model, seed=5, train_dataloader=loader, logger=logger, **facts)


def test_codes_start_from_as_many_images_as_have_the_patches() -> None:
    model, again = Tokenizer(), Tokenizer()
    for each in (model, again):
        TokenizerTrainingHook(num_patches=49).before_train(runner_of(each))
    (count, seed, first) = model.given[0]
    assert (count, seed) == (13, 5) and 0 <= first < 10 and again.given == model.given  # more than there are: epoch 1


def test_a_tokenizer_that_was_started_keeps_its_codes() -> None:
    model = Tokenizer(started=True)
    TokenizerTrainingHook().before_train(runner_of(model))
    assert model.given == []


def test_the_model_is_told_the_progress() -> None:
    model = Tokenizer()
    TokenizerTrainingHook().before_train_iter(runner_of(model, iter=5, max_iters=20), 0)
    assert model.given == [0.25]


def test_a_collapsed_tokenizer_is_not_written() -> None:
    hook = TokenizerTrainingHook(min_perplexity=50)
    with pytest.raises(RunFailed, match=r"512 codes have perplexity 12\.0, below min_perplexity=50, so no"):
        hook.before_save_checkpoint(runner_of(Tokenizer(12.0)), {})
    hook.before_save_checkpoint(runner_of(Tokenizer(51.0)), {})
    unused = Tokenizer(12.0)
    unused.usage.zero_()  # before the first step
    hook.before_save_checkpoint(runner_of(unused), {})


def test_a_model_that_trains_no_tokenizer_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Linear trains no tokenizer; remove the hook from default_hooks"):
        TokenizerTrainingHook().before_train(runner_of(nn.Linear(2, 2)))
