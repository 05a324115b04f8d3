"""Checkpoint files: written so that nothing is lost, read without running what is in them, compared by name."""
