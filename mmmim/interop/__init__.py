"""Encoders of other libraries and for other libraries."""
