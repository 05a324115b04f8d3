"""Parameter names of the official Swin, SwinV2 and SimMIM checkpoints <-> timm's, which are ours."""

from __future__ import annotations

import re

BUFFERS = ("relative_position_index", "relative_coords_table", "attn_mask")


def official_to_timm(name: str) -> str | None:
    """Our name of an official one; None for buffers, which no checkpoint needs to bring.

    The official models keep a merge at the end of a stage, timm keeps it at the start of the next one.
    """
    name = name.removeprefix("encoder.")
    if name.rpartition(".")[2] in BUFFERS:
        return None
    name = re.sub(r"^layers\.(\d+)\.downsample", lambda m: f"layers.{int(m[1]) + 1}.downsample", name)
    return re.sub(r"^head\.(weight|bias)$", r"head.fc.\1", name)


def timm_to_official(name: str) -> str:
    name = re.sub(r"^layers\.(\d+)\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name)
    return re.sub(r"^head\.fc\.", "head.", name)
