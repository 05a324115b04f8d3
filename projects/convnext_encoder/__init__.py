"""An example of your own encoder in one file; the configs import it by ``custom_imports``."""

from .convnext import ConvNeXt

__all__ = ["ConvNeXt"]
