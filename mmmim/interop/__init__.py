"""Converts encoders of other libraries, and exports encoders for other libraries."""
