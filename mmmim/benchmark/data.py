"""Measure how many images a core reads, decodes and crops, from files and from packs, beside mmpretrain."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from mmmim.datasets import ImageFolder, SampleKey
from mmmim.datasets.decode import decode_bytes
from mmmim.datasets.packs import PackSettings, write_pack
from mmmim.datasets.sources import open_source
from mmmim.datasets.storage import read_file
from mmmim.launch.cores import available_cores
from mmmim.launch.options import load_config
from mmmim.progress import progress
from mmmim.registry import DATASETS

from .peer import peer_pipeline

Work = Callable[[int], Any]
SIZES = ((500, 375), (375, 500), (400, 400), (640, 480))  # (width, height), as of ImageNet's photographs
IMAGE_EXTENSIONS = {".jpg", ".jpeg", ".png"}


@contextmanager
def photographs(folder: str | None, number: int) -> Iterator[str]:
    """Give a folder of photographs, or write ``number`` generated JPEG files into a temporary one.

    The generated ones have the size and the bytes per pixel of ImageNet's, which decide about the time.
    """
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        for index in range(number):
            rng = np.random.default_rng(index)
            width, height = SIZES[index % len(SIZES)]
            grain = gaussian_filter(rng.normal(0, 90, (height, width, 3)), (1.2, 1.2, 0))
            shade = rng.normal(0, 60, (6, 6, 3)).repeat(-(-height // 6), 0).repeat(-(-width // 6), 1)[:height, :width]
            pixels = (128 + grain + shade).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(Path(temporary, f"{index:05}.jpg"), quality=90)
        yield temporary


def train_dataset(config: str, root: str) -> ImageFolder:
    """Return the images below ``root`` with the training transforms of a config."""
    transforms = load_config(config).train_dataloader.dataset.transforms
    built = DATASETS.build(dict(type="ImageFolder", root=root, transforms=transforms))
    assert isinstance(built, ImageFolder)
    return built


def sample(dataset: ImageFolder, index: int) -> Any:
    """Return a sample as a worker makes it in the first epoch."""
    return dataset[SampleKey(0, 0, index % len(dataset))]


def contenders(config: str, root: str, packs: Mapping[str, str]) -> dict[str, Work]:
    """Return what is compared, by name.

    These are the parts without which no pipeline does, whole samples from files, and whole samples from ``packs``.
    """
    files = train_dataset(config, root)
    names = [files.name(index) for index in range(len(files))]

    def decode(index: int) -> Tensor:
        name = names[index % len(names)]
        return decode_bytes(read_file(name), name, reduction=files.reduction)

    found: dict[str, Work] = {
        "decoder alone": decode,
        "decoder and resize": lambda index: files.transforms[0](decode(index)),
        "mmmim, files": partial(sample, files),
    }
    for name, pack in packs.items():
        found[f"mmmim, {name}"] = partial(sample, train_dataset(config, pack))
    return found


def peer_contenders(root: str) -> dict[str, Work]:
    """Return the pipeline of mmpretrain's MAE config on the files below ``root``, and the same with OpenCV's resize."""
    names = [str(path) for path in sorted(Path(root).rglob("*")) if path.suffix.lower() in IMAGE_EXTENSIONS]
    found: dict[str, Work] = {}
    for backend in ("pillow", "cv2"):
        steps = peer_pipeline("mae/vit-b_800e.py", backend)

        def work(index: int, steps: list[Callable] = steps) -> Any:
            result: Any = dict(img_path=names[index % len(names)])
            for step in steps:
                result = step(result)
            return result

        found[f"mmpretrain, {backend}"] = work
    return found


def pack(root: str, folder: str, kind: str) -> str:
    """Pack the images below ``root`` into a sub-folder of ``folder`` in the format ``kind``, and return it."""
    source, out = open_source(root), Path(folder, kind)
    settings = PackSettings(format=kind)
    with progress("images", f"packing as {kind}") as show:
        write_pack(source, out, settings, available_cores(), lambda done: show(done, len(source)))
    return str(out)
