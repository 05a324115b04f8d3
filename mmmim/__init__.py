"""mmmim: self-supervised pre-training by masked and corrupted image modelling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmmim.version import __version__

if TYPE_CHECKING:
    from mmmim.apis import embed, get_model, list_models, load_encoder, reconstruct, train

__all__ = ["__version__", "embed", "get_model", "list_models", "load_encoder", "reconstruct", "train"]


def __getattr__(name: str) -> Any:
    """Return a function of :mod:`mmmim.apis`, which is imported when one is asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'mmmim' has no attribute {name!r}")
    from mmmim import apis

    return getattr(apis, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
