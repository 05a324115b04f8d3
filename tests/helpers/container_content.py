from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader

from mmmim.datasets import EpochSampler, ImageFolder


def content(data: Any) -> set[tuple[bytes, int]]:
    return {(data[i]["inputs"].numpy().tobytes(), data[i]["labels"]) for i in range(len(data))}


def keys_and_pixels(root: str, workers: int) -> list[tuple[int, bytes]]:
    data = ImageFolder(root, [dict(type="RandomResizedCrop", size=8, scale=(0.2, 1.0), antialias=True)])
    loader = DataLoader(data, 4, sampler=EpochSampler(data, seed=5), num_workers=workers)
    found = []
    for batch in loader:
        rows = zip(batch["indices"], batch["inputs"], strict=True)
        found += [(int(i), pixels.numpy().tobytes()) for i, pixels in rows]
    assert data.bad_files == []
    return found


def loader(**options: Any) -> dict:
    return dict(batch_size=4, num_workers=0, dataset=dict(type="ToyImages", num_images=9, transforms=[]), **options)
