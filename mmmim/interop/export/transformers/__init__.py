"""Exports to transformers: folders that its ``AutoModel`` and ``AutoImageProcessor`` open.

Each architecture has an adapter, a function in the file of its name; :data:`ADAPTERS` is the table of them. An encoder
of your own says by its ``transformers_model`` what it is there.
"""

from .folder import ADAPTERS, TRANSFORMERS
from .model import Adapter

__all__ = ["ADAPTERS", "TRANSFORMERS", "Adapter"]
