from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from mmmim.errors import UsageError
from mmmim.models.backbones.base import Encoder
from mmmim.models.layers import LeanBlock
from mmmim.registry import HOOKS

CODES_PER_BLOCK = 4  # with and without gradients, of two shapes


@HOOKS.register_module()
class CompileBlocksHook(Hook):
    """Compiles the blocks of all encoders and decoders with ``torch.compile`` before the training starts.

    Blocks that are alike share their code. Names in state dicts stay as they are. Drop paths draw other numbers than
    without compilation.

    Args:
        options: Arguments of ``torch.compile``, such as ``mode='max-autotune-no-cudagraphs'``.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def before_train(self, runner: Runner) -> None:
        blocks = blocks_of(runner.model)
        if not blocks:
            raise UsageError(
                "--compile: the model has no blocks to compile, which are those of an Encoder (block_list) and of a "
                "decoder of LeanBlocks; remove default_hooks.compile"
            )
        # Each drop path rate, window or mode of a block is code of its own, of which torch keeps 8 by default.
        limit = torch._dynamo.config.recompile_limit
        torch._dynamo.config.recompile_limit = max(limit, CODES_PER_BLOCK * len(blocks))
        for block in blocks:
            block.compile(**self.options)
        runner.logger.info(f"{len(blocks)} blocks are compiled in the first steps, which take minutes")


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """Return the blocks of all encoders and decoders in a model, each once."""
    found: dict[int, nn.Module] = {}
    for module in model.modules():
        listed = module.block_list() if isinstance(module, Encoder) else []
        found |= {id(block): block for block in (*listed, *([module] if isinstance(module, LeanBlock) else []))}
    return list(found.values())
