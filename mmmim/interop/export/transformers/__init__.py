"""Exports to transformers: folders that its ``AutoModel`` and ``AutoImageProcessor`` open.

Each architecture has an adapter, a function in the file of its name; :data:`ADAPTERS` is the table of them. An encoder
of your own adds its adapter under the name that its ``architecture`` returns.
"""

from .folder import ADAPTERS, TRANSFORMERS
from .model import Adapter, TransformersModel

__all__ = ["ADAPTERS", "TRANSFORMERS", "Adapter", "TransformersModel"]
