"""Find published weights in a local or mirrored folder, or download them once."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.parse import unquote, urlsplit

import torch

from mmmim.config.find import find_config
from mmmim.config.folder import configs_folder, project_folder
from mmmim.datasets.file_listing import cache_folder
from mmmim.errors import MissingFileError, RunFailed, UsageError, did_you_mean

from .zoo import Weights, zoo

WEIGHTS_VARIABLE = "MMMIM_WEIGHTS"
WEB = ("http://", "https://", "file://")
PATIENCE = 30.0  # seconds without a byte
UNREACHABLE = (URLError, HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


def fetch(config: str) -> Path:
    """Return the file of a model's published weights, whose hash is verified.

    ``MMMIM_WEIGHTS`` names a folder or a base URL that holds the files of the metafiles by their own names, such as a
    mirror. Otherwise the address of the metafile is used. A download is kept in ``MMMIM_CACHE``.

    Args:
        config: Name or path of a shipped config, such as ``mae/vit-b_800e``.

    Raises:
        UsageError: No weights of this model are published, the file is missing, its hash is another one, or the cache
            cannot be written.
        RunFailed: The download failed, for instance without a network.
    """
    name = _model_name(config)
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
    if (found := _sha256(file)) != weights.sha256:
        raise UsageError(
            f"{file}: its sha256 is {found[:16]}..., that of the published weights {weights.sha256[:16]}...; delete it "
            "and get it again"
        )
    return file


def _model_name(config: str) -> str:
    """Return the name of a shipped config, whichever way it is written; other configs keep their path."""
    file = find_config(config).resolve()
    folder = configs_folder()
    return file.relative_to(folder).with_suffix("").as_posix() if file.is_relative_to(folder) else config


def _location(weights: Weights) -> str:
    mirror = os.environ.get(WEIGHTS_VARIABLE)
    if mirror:
        name = _file_name(weights.location)
        return f"{mirror.rstrip('/')}/{name}" if mirror.startswith(WEB) else str(Path(mirror).expanduser() / name)
    return weights.location if weights.location.startswith(WEB) else str(project_folder() / weights.location)


def _file_name(location: str) -> str:
    """Return the name of a file, without the query of its address, as in ``x.pth?download=1``."""
    return Path(unquote(urlsplit(location).path)).name


def _download(address: str, weights: Weights) -> Path:
    # under its hash: files of one name, and newer weights of a model, have places of their own
    file = cache_folder() / "weights" / weights.sha256[:16] / _file_name(address)
    if file.is_file() and _sha256(file) == weights.sha256:
        return file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _patience():
            # writes another file first, and renames it once its hash is right
            torch.hub.download_url_to_file(address, str(file), weights.sha256)
    except UNREACHABLE as error:
        raise RunFailed(
            f"{address} cannot be reached ({error}). Without a network copy the file to a folder and name it with "
            f"{WEIGHTS_VARIABLE}=DIR"
        ) from None
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        raise UsageError(
            f"{file.parent}: {weights.size:,} bytes cannot be written there ({reason}); name another folder with "
            "MMMIM_CACHE=DIR"
        ) from None
    except RuntimeError as error:
        raise UsageError(
            f"{address}: {error}; the transfer was cut off, or the file there is not the published one"
        ) from None
    return file


@contextmanager
def _patience() -> Iterator[None]:
    """Let no connection of this process hang for longer than ``PATIENCE``."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
