"""Find published weights in a local or mirrored folder, or download them once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.error import URLError

import torch

from mmmim.config.folder import project_folder
from mmmim.datasets.file_listing import cache_folder
from mmmim.errors import MissingFileError, RunFailed, UsageError, did_you_mean

from .zoo import Weights, zoo

WEIGHTS_VARIABLE = "MMMIM_WEIGHTS"
WEB = ("http://", "https://", "file://")


def fetch(name: str) -> Path:
    """Return the file of a model's published weights, whose hash is verified.

    ``MMMIM_WEIGHTS`` names a folder or a base URL that holds the files of the metafiles by their own names, such as a
    mirror. Otherwise the address of the metafile is used. A download is kept in ``MMMIM_CACHE``.

    Args:
        name: Name of a config, such as ``mae/vit-b_800e``.

    Raises:
        UsageError: No weights of this model are published, the file is missing, or its hash is another one.
        RunFailed: The download failed, for instance without a network.
    """
    name = name.removeprefix("configs/").removesuffix(".py")
    known = {model.name: model.weights for model in zoo()}
    weights = known.get(name)
    if weights is None:
        published = sorted(each for each, weights in known.items() if weights is not None)
        having = f"published are those of {', '.join(published)}" if published else "none are published yet"
        hint = did_you_mean(name, published)
        raise UsageError(
            f"pretrained=True: there are no published weights of {name!r}{hint}; {having}. Give checkpoint=FILE to "
            "load your own"
        )
    location = _location(weights)
    if location.startswith(WEB):
        return _download(location, weights)
    file = Path(location)
    if not file.is_file():
        raise MissingFileError(f"{WEIGHTS_VARIABLE}: there is no {file}; the weights of {name} are {weights.location}")
    return _verified(file, weights)


def _location(weights: Weights) -> str:
    mirror = os.environ.get(WEIGHTS_VARIABLE)
    if mirror:
        return f"{mirror.rstrip('/')}/{Path(weights.location).name}"
    return weights.location if weights.location.startswith(WEB) else str(project_folder() / weights.location)


def _download(address: str, weights: Weights) -> Path:
    file = cache_folder() / "weights" / Path(address).name
    if file.is_file():
        return _verified(file, weights)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        # writes another file first, and renames it once its hash is right
        torch.hub.download_url_to_file(address, str(file), weights.sha256)
    except (URLError, OSError) as error:
        raise RunFailed(
            f"{address} cannot be reached ({error}). Without a network copy the file to a folder and name it with "
            f"{WEIGHTS_VARIABLE}=DIR"
        ) from None
    except RuntimeError as error:
        raise UsageError(f"{address}: {error}; the file there is not the published one") from None
    return file


def _verified(file: Path, weights: Weights) -> Path:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(1 << 20):
            digest.update(piece)
    found = digest.hexdigest()
    if found != weights.sha256:
        raise UsageError(
            f"{file}: its sha256 is {found[:16]}..., that of the published weights {weights.sha256[:16]}...; delete it "
            "and get it again"
        )
    return file
