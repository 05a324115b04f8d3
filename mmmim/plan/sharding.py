"""What a :class:`ShardedDataParallel` leaves to each process, counted without starting any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from mmmim.engine.sharding import find_units, is_sharded
from mmmim.models.backbones import Encoder
from mmmim.plan.memory import StepMemory


@dataclass(frozen=True)
class ShardingPlan:
    """Bytes. ``share``: of the first process, which has the largest one, since rows are divided and rounded up."""

    processes: int
    units: dict[str, int]  # class names and how many there are
    whole: int
    share: int
    whole_trainable: int
    share_trainable: int
    largest_unit: int
    root: int  # parameters outside the units

    @property
    def start(self) -> int:
        """Most that a device holds while the model is divided: a process' share and one part that is still whole."""
        return self.share + max(self.largest_unit, self.root)

    def divide(self, memory: StepMemory) -> StepMemory:
        """``memory`` of an unsharded step -> of one process; buffers stay whole."""
        return replace(
            memory,
            parameters=memory.parameters - self.whole + self.share,
            gradients=self.share_trainable,
            optimizer=round(memory.optimizer * self.share_trainable / max(self.whole_trainable, 1)),
        )


def plan_sharding(model: nn.Module, wrapper: dict[str, Any] | None, processes: int) -> ShardingPlan | None:
    """The plan of ``model_wrapper_cfg``; None if that shards nothing, or with one process, which is not wrapped."""
    if wrapper is None or not is_sharded(wrapper) or processes == 1:
        return None
    units = find_units(model, wrapper["units"])
    params = list(model.parameters())
    trainable = [p for p in params if p.requires_grad]
    in_units = {id(p) for unit in units for p in unit.parameters()}
    return ShardingPlan(
        processes,
        dict(Counter(type(unit).__name__ for unit in units)),
        whole=_size(params),
        share=_share(params, processes),
        whole_trainable=_size(trainable),
        share_trainable=_share(trainable, processes),
        largest_unit=max(_size(unit.parameters()) for unit in units),
        root=_size(p for p in params if id(p) not in in_units),
    )


def recomputed_blocks(model: nn.Module) -> dict[str, int]:
    """Encoders whose ``with_cp`` is on, such as ``backbone``, and how many blocks each of them recomputes."""
    encoders = {name: part for name, part in model.named_modules() if isinstance(part, Encoder)}
    return {name: len(encoder.block_list()) for name, encoder in encoders.items() if encoder.with_cp}


def _size(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _share(tensors: Iterable[Tensor], processes: int) -> int:
    """``fully_shard`` divides the rows of each tensor; the first process has the rounded-up number of them."""
    return sum(-(-len(t) // processes) * t[0].numel() * t.element_size() for t in tensors if t.numel())
