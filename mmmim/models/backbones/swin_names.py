"""Parameter names of the official Swin, SwinV2 and SimMIM checkpoints, and timm's names, which mmmim uses."""

from __future__ import annotations

import re

BUFFERS = ("relative_position_index", "relative_coords_table", "attn_mask")


def official_to_timm(name: str) -> str | None:
    """Return timm's name of an official one, or None for buffers, which no checkpoint needs to have.

    The official models keep a patch merging at the end of a stage, timm keeps it at the start of the next one.
    """
    name = name.removeprefix("encoder.")
    if name.rpartition(".")[2] in BUFFERS:
        return None
    name = re.sub(r"^layers\.(\d+)\.downsample", lambda m: f"layers.{int(m[1]) + 1}.downsample", name)
    return re.sub(r"^head\.(weight|bias)$", r"head.fc.\1", name)


def timm_to_official(name: str) -> str:
    """Return the official name of a parameter that timm names ``name``."""
    name = re.sub(r"^layers\.(\d+)\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name)
    return re.sub(r"^head\.fc\.", "head.", name)
