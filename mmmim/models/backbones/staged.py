from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from ..layers import PatchMask, to_pair
from .base import Encoder, valid_indices


class StagedEncoder(Encoder):
    """An encoder whose stages shrink the map: masks hide tokens of the stem's map, and outputs are those of stages.

    A subclass calls :meth:`choose_outputs` once its widths are known, and writes :meth:`embed` and :meth:`run_stage`.
    """

    num_stages: int
    stage_dims: tuple[int, ...]

    def choose_outputs(
        self, stage_dims: Sequence[int], out_indices: int | Sequence[int], max_stride: int | None = None
    ) -> None:
        """Choose the stages whose maps are returned; the last of them sets ``embed_dims`` and ``stride``.

        Args:
            stage_dims: Width of each stage.
            out_indices: 0-based stages.
            max_stride: Each stage halves the previous map until this stride is reached; None sets no limit.
        """
        self.stage_dims, self.num_stages = tuple(stage_dims), len(stage_dims)
        self.out_indices = valid_indices("out_indices", out_indices, self.num_stages, f"{self.num_stages} stages")
        last = self.out_indices[-1]
        self.embed_dims = self.stage_dims[last]
        self.stride = to_pair([min(p << last, max_stride or p << last) for p in self.patch_size])

    @abstractmethod
    def embed(self, images: Tensor, mask: PatchMask | None = None) -> Tensor:
        """Return the map after the stem, with the mask token in place of hidden tokens."""

    @abstractmethod
    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        """Return the map after a stage, from the map before it."""

    def output(self, stage: int, x: Tensor) -> Tensor:
        """Return a stage's map in the form of ``out_type``, here from a map ``(B, D, h, w)``."""
        if self.out_type == "raw":
            return x.flatten(2).transpose(1, 2)  # (B,h*w,D)
        return x.mean((2, 3)) if self.out_type == "avg" else x

    def forward(self, images: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """Encode ``images (B, C, H, W)`` and return one output of ``out_type`` per stage in ``out_indices``."""
        with self.graph():
            self.check_channels(images)
            x, outputs = self.embed(images, mask), []
            for stage in range(self.out_indices[-1] + 1):
                x = self.run_stage(stage, x)
                if stage in self.out_indices:
                    outputs.append(self.output(stage, x))
        return tuple(outputs)

    def level_dims(self) -> dict[str, int]:
        return {f"stage{index + 1}": self.stage_dims[index] for index in self.out_indices}
