"""Exports a pre-trained encoder to plain files for other code, after checking that it gives the same features there."""

from mmmim.interop.encoder import StoredEncoder, read_encoder
from mmmim.interop.mmpretrain_layout import from_mmpretrain, to_mmpretrain

from .targets import TARGETS, TOLERANCE, export, form_of

__all__ = [
    "TARGETS",
    "TOLERANCE",
    "StoredEncoder",
    "export",
    "form_of",
    "from_mmpretrain",
    "read_encoder",
    "to_mmpretrain",
]
