"""The work of ``tools/analysis/color_palette.py``."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from mmmim.datasets import ImageFolder, ToyImages
from mmmim.errors import UsageError
from mmmim.visualization.options import TOY

NOTE = "own k-means, not comparable with iGPT"
PER_IMAGE = 64  # at least this many pixels, so that a large folder need not be read completely


def sample_colors(dataset: Any, pixels: int, seed: int) -> tuple[np.ndarray, int]:
    """Draw ``(pixels, 3)`` uint8 colours with replacement, the same number from each of the sampled images.

    Returns:
        The colours, and the number of images.
    """
    rng = np.random.default_rng(seed)
    images = min(len(dataset), -(-pixels // PER_IMAGE))
    colors = []
    for index in rng.permutation(len(dataset))[:images]:
        image = dataset[int(index)]["inputs"].flatten(1).numpy()  # (3,HW)
        colors.append(image[:, rng.integers(image.shape[1], size=-(-pixels // images))].T)
    return np.concatenate(colors)[:pixels], images


def find_palette(colors: np.ndarray, clusters: int, seed: int) -> tuple[np.ndarray, float]:
    """Return the centres ``(K, 3)`` in [-1, 1], and the mean distance of a colour to its centre in levels of 0..255."""
    distinct = len(np.unique(colors.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)))
    if clusters > distinct:
        raise UsageError(
            f"--clusters {clusters}: the {len(colors):,} sampled pixels have only {distinct:,} distinct colours; "
            "ask for fewer clusters, or sample more --pixels from more images"
        )
    values = colors.astype(np.float32) / 127.5 - 1
    means = MiniBatchKMeans(clusters, batch_size=max(4096, 4 * clusters), n_init=1, random_state=seed).fit(values)
    centers = means.cluster_centers_.astype(np.float32).clip(-1, 1)
    error = np.linalg.norm(values - centers[means.labels_], axis=1).mean() * 127.5
    return centers, float(error)


def make_palette(args: argparse.Namespace) -> None:
    """Find the palette and write it to the file."""
    dataset: Any = ToyImages() if args.images == TOY else ImageFolder(args.images, labelled=False)
    colors, images = sample_colors(dataset, args.pixels, args.seed)
    centers, error = find_palette(colors, args.clusters, args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, centers=centers, clusters=args.clusters, images=images, note=NOTE)
    print(f"{args.clusters} colours from {len(colors):,} pixels of {images:,} images ({NOTE})")
    print(f"mean colour error: {error:.2f} of 255 levels (distance in RGB to the nearest centre)")
    print(f"wrote {args.out}")
