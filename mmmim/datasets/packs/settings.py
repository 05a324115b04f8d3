from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mmmim.datasets.pixel_values import ValueRange, check_value_range
from mmmim.datasets.sources.pack import JPEG, PIXELS
from mmmim.errors import UsageError, one_of

PER_SHARD = {JPEG: 10_000, PIXELS: 4_000}  # images: about 300 MB and 1 GB at 256 pixels
MAX_SHARDS = 256  # so that a process can keep all of them open
FORMATS = (JPEG, PIXELS)


@dataclass(frozen=True)
class PackSettings:
    """How images are packed.

    Attributes:
        format: ``jpeg`` or ``pixels``.
        size: Longest allowed short side in pixels.
        quality: Quality of JPEG files, 1 to 100.
        channels: Number of channels, as for ``ImageFolder``; ``pixels`` are converted to it.
        value_range: Values that become 0 and 255, as for ``ImageFolder``.
        per_shard: Images in a shard; by default as many as :data:`PER_SHARD` says, and more for very many images.
    """

    format: str = JPEG
    size: int = 256
    quality: int = 90
    channels: int = 3
    value_range: ValueRange | None = None
    per_shard: int | None = None

    def __post_init__(self) -> None:
        one_of("--format", self.format, FORMATS)
        for name, low, high in (("size", 1, 65_500), ("quality", 1, 100), ("channels", 1, 10_000)):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"--{name} {getattr(self, name)}: a number from {low:,} to {high:,}")
        if self.per_shard is not None and self.per_shard < 1:
            raise UsageError(f"--per-shard {self.per_shard}: at least 1 image")
        check_value_range(self.value_range)

    def images_per_shard(self, total: int) -> int:
        """Return how many images a shard of a pack of ``total`` images holds."""
        return self.per_shard or max(PER_SHARD[self.format], -(-total // MAX_SHARDS))

    def facts(self) -> dict[str, Any]:
        """Return the settings as ``pack.json`` holds them."""
        pairs = self.value_range
        plain = [list(each) if isinstance(each, Sequence) else each for each in pairs] if pairs is not None else None
        return dict(asdict(self), value_range=plain)
