"""Use mmmim from Python: list and load models, embed and reconstruct images, train."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embedding import Embeddings, embed
    from .encoder import ImageEncoder
    from .models import get_model, load_encoder
    from .reconstruction import Reconstruction, reconstruct
    from .training import TrainingResult, train
    from .zoo import list_models

__all__ = [
    "Embeddings",
    "ImageEncoder",
    "Reconstruction",
    "TrainingResult",
    "embed",
    "get_model",
    "list_models",
    "load_encoder",
    "reconstruct",
    "train",
]

MODULES = {
    "Embeddings": "embedding",
    "embed": "embedding",
    "ImageEncoder": "encoder",
    "get_model": "models",
    "load_encoder": "models",
    "Reconstruction": "reconstruction",
    "reconstruct": "reconstruction",
    "TrainingResult": "training",
    "train": "training",
    "list_models": "zoo",
}


def __getattr__(name: str) -> Any:
    """Return a function or class, whose module is imported when it is asked for: a list of models needs no torch."""
    if name not in MODULES:
        raise AttributeError(f"module 'mmmim.apis' has no attribute {name!r}")
    return getattr(import_module(f".{MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
