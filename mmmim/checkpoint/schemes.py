"""Registers safe loaders with MMEngine, whose own run the code in a file where ``weights_only=True`` does not suffice.

Importing this module, as ``mmmim.models`` does, makes ``load_from``, ``--resume``, ``init_cfg`` and the inferencers of
MMSegmentation and MMDetection read files by :func:`~mmmim.checkpoint.reader.read_file`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_local_rank
from mmengine.fileio import get
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import (
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)

from mmmim.checkpoint.names import strip_prefix
from mmmim.checkpoint.reader import read_bytes, read_file
from mmmim.errors import MissingFileError, UsageError, did_you_mean

# MMEngine's log says which loader reads a file, from the eleventh letter of the function's name.


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Return the content of a local file."""
    return read_file(filename, map_location)


@CheckpointLoader.register_scheme(prefixes=("http://", "https://"), force=True)
def load_from_http(filename: str, map_location: Any = None) -> Any:
    """Download a file into torch's cache, once per machine, and return its content.

    Raises:
        MissingFileError: The download failed, as without a network.
    """
    folder = Path(torch.hub.get_dir(), "checkpoints")
    file = folder / Path(urlparse(filename).path).name
    if get_local_rank() == 0 and not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(filename, str(file), progress=os.isatty(2))
        except OSError as error:
            raise MissingFileError(
                f"{filename}: the download failed ({error}); without a network, put the file at {file}, or give the "
                "path of a local copy"
            ) from None
    barrier()
    return read_file(file, map_location)


@CheckpointLoader.register_scheme(prefixes=[r"(\S+\:)?s3://", r"(\S+\:)?petrel://"], force=True)
def load_from_ceph(filename: str, map_location: Any = None, backend: str = "petrel") -> Any:
    """Return the content of an object in a storage service that MMEngine's ``backend`` reads."""
    return read_bytes(get(filename, backend_args=dict(backend=backend)), filename, map_location)


@CheckpointLoader.register_scheme(prefixes=("modelzoo://", "torchvision://"), force=True)
def load_from_torchvision(filename: str, map_location: Any = None) -> Any:
    """Return the published weights of a model of torchvision."""
    return load_from_http(_published(filename, get_torchvision_models()), map_location)


@CheckpointLoader.register_scheme(prefixes=("open-mmlab://", "openmmlab://"), force=True)
def load_from_openmmlab(filename: str, map_location: Any = None) -> Any:
    """Return the weights that OpenMMLab published under a name."""
    scheme, name = filename.split("://", 1)
    name = get_deprecated_model_names().get(name, name)
    place = _published(f"{scheme}://{name}", get_external_models())
    if place.startswith(("http://", "https://")):
        return load_from_http(place, map_location)
    home = Path(os.environ.get("MMENGINE_HOME", Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "mmengine")))
    return read_file(home.expanduser() / place, map_location)


@CheckpointLoader.register_scheme(prefixes="mmcls://", force=True)
def load_from_mmcls(filename: str, map_location: Any = None) -> Any:
    """Return the backbone of a model that MMClassification published."""
    content = load_from_http(_published(filename, get_mmcls_models()), map_location)
    return dict(state_dict=strip_prefix(content.get("state_dict", content), "backbone"))


@CheckpointLoader.register_scheme(prefixes="pavi://", force=True)
def load_from_pavi(filename: str, map_location: Any = None) -> Any:
    """Refuse to read from a service that has no public client."""
    raise UsageError(f"{filename}: files of PAVI are not read; download it, and give the path of the local copy")


def _published(filename: str, urls: dict[str, str]) -> str:
    name = filename.split("://", 1)[1]
    if name not in urls:
        raise UsageError(f"{filename}: no model of this name was published{did_you_mean(name, urls)}")
    return urls[name]
