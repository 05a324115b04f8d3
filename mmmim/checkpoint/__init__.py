"""Checkpoint files: written so that nothing is lost, read without running what is in them, compared by name."""

from . import schemes  # registers the safe loaders with MMEngine

__all__ = ["schemes"]
