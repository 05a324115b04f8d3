"""Give the configs and pipelines of mmpretrain, the nearest other toolbox, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmmim.errors import UsageError

PEER = "1.3.6"
INSTALL = (
    f"pip install --no-deps onedl-mmpretrain=={PEER} einops model-index ordered-set markdown mat4py\n"
    "into an environment of its own that has mmmim (--no-deps: nothing that mmmim needs is replaced)"
)


@dataclass(frozen=True)
class Peer:
    """mmpretrain's config of the same method as one of ours, and changes to its backbone."""

    config: str
    backbone: dict[str, Any] = field(default_factory=dict)


# By our config. mmpretrain's default drop path is 0.1; SimMIM pre-trains without.
PEERS = {
    "mae/vit-b_800e.py": Peer("mae/mae_vit-base-p16_8xb512-amp-coslr-800e_in1k.py"),
    "simmim/swin-b_100e.py": Peer(
        "simmim/simmim_swin-base-w6_16xb128-amp-coslr-100e_in1k-192px.py", dict(drop_path_rate=0.0)
    ),
}


def peer_config(ours: str) -> Config:
    """Return mmpretrain's config of the same method as our config ``ours``, in fp32.

    Raises:
        UsageError: There is none, or mmpretrain is missing or of another version; the message says what to do.
    """
    if ours not in PEERS:
        raise UsageError(f"--peer mmpretrain: its counterparts are known for {', '.join(PEERS)} only, not for {ours}")
    cfg = Config.fromfile(_import_peer() / ".mim/configs" / PEERS[ours].config)
    cfg.model.backbone.update(PEERS[ours].backbone)
    cfg.optim_wrapper.update(type="OptimWrapper")
    cfg.optim_wrapper.pop("loss_scale", None)
    return cfg


def peer_pipeline(ours: str, backend: str) -> list[Callable[[dict], Any]]:
    """Return the transforms of mmpretrain's training pipeline, whose crops are resized by ``pillow`` or ``cv2``."""
    pipeline = peer_config(ours).train_dataloader.dataset.pipeline
    from mmpretrain.registry import TRANSFORMS

    steps = [dict(step, backend=backend) if step["type"] == "RandomResizedCrop" else dict(step) for step in pipeline]
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        return [TRANSFORMS.build(step) for step in steps]


def _import_peer() -> Path:
    from mmmim import compat

    try:
        found = version("onedl-mmpretrain")
    except PackageNotFoundError:
        found = None
    if found != PEER:
        state = "not installed" if found is None else f"installed in version {found}"
        raise UsageError(f"onedl-mmpretrain {PEER}, the peer of this comparison, is {state}; install it:\n{INSTALL}")
    compat.setup()
    try:
        import mmpretrain
        from mmpretrain.utils import dependency

        dependency.WITH_MULTIMODAL = False  # its language models need a transformers of its own
        import mmpretrain.datasets
        import mmpretrain.models
    except ImportError as error:
        raise UsageError(f"onedl-mmpretrain misses a package: {error}; install it:\n{INSTALL}") from error
    return Path(str(mmpretrain.__file__)).parent
