"""Plain files of a pre-trained encoder for other people's code, checked to give the same features there."""

from mmmim.interop.encoder import StoredEncoder, read_encoder
from mmmim.interop.mmpretrain_layout import from_mmpretrain, to_mmpretrain

from .targets import TARGETS, TOLERANCE, export

__all__ = ["TARGETS", "TOLERANCE", "StoredEncoder", "export", "from_mmpretrain", "read_encoder", "to_mmpretrain"]
