"""A palette of colours for ``ColorClusterTarget``, found by k-means in the pixels of your own images.

    python tools/analysis/color_palette.py --images DIR --out palette.npz
    python tools/analysis/color_palette.py --images toy --clusters 64 --pixels 100000 --out palette.npz

iGPT's palette of 512 colours comes from other images and another run of k-means: the classes of this palette are not
those of the paper, and losses over them are not comparable.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from mmmim.commands.running import run_tool
from mmmim.datasets import ImageFolder, ToyImages
from mmmim.errors import UsageError
from mmmim.visualization.sources import TOY

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


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, metavar="DIR|toy", help="folder of images, or the built-in data")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.npz")
    parser.add_argument("--clusters", type=int, default=512)
    parser.add_argument("--pixels", type=int, default=1_000_000, help="pixels to sample (default: 1000000)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Find the palette and write it to the file."""
    if args.out.suffix != ".npz":
        raise UsageError(f"--out {args.out}: the name must end in .npz, which marks a palette of your own")
    for name in ("clusters", "pixels"):
        if getattr(args, name) < 1:
            raise UsageError(f"--{name}: at least 1, got {getattr(args, name)}")
    if args.images != TOY and not Path(args.images).is_dir():
        raise UsageError(f"--images {args.images}: there is no such folder; give a folder of images, or toy")
    dataset: Any = ToyImages() if args.images == TOY else ImageFolder(args.images, labelled=False)
    colors, images = sample_colors(dataset, args.pixels, args.seed)
    centers, error = find_palette(colors, args.clusters, args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, centers=centers, clusters=args.clusters, images=images, note=NOTE)
    print(f"{args.clusters} colours from {len(colors):,} pixels of {images:,} images ({NOTE})")
    print(f"mean colour error: {error:.2f} of 255 levels (distance in RGB to the nearest centre)")
    print(f"wrote {args.out}")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
