"""Which configs of mmpretrain are the same methods as ours; nothing here imports a library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PEER = "1.3.6"
INSTALL = (
    f"pip install --no-deps onedl-mmpretrain=={PEER} einops model-index ordered-set markdown mat4py\n"
    "into an environment of its own that has mmmim (--no-deps: nothing that mmmim needs is replaced)"
)


@dataclass(frozen=True)
class Pair:
    """A method's config here and in mmpretrain, and the changes to the backbone of the latter."""

    ours: str
    peer: str
    size: int
    peer_backbone: dict[str, Any]


PAIRS = {
    "simmim_swin-b": Pair(
        "simmim/swin-b_100e.py",
        "simmim/simmim_swin-base-w6_16xb128-amp-coslr-100e_in1k-192px.py",
        192,
        dict(drop_path_rate=0.0),  # mmpretrain's default is 0.1; SimMIM pre-trains without
    ),
    "mae_vit-b": Pair("mae/vit-b_800e.py", "mae/mae_vit-base-p16_8xb512-amp-coslr-800e_in1k.py", 224, {}),
}
