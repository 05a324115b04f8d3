"""Checks of configs: names, keys and types are checked before anything is built."""
