"""Exports a segmentation model of MMSegmentation, encoder and head, that was fine-tuned by mmmim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmim.checkpoint.names import ENCODER_PREFIX, listing
from mmmim.config.types import default_scope
from mmmim.errors import UsageError, WeightsError
from mmmim.interop.encoder import StoredEncoder
from mmmim.registry import MODELS

# The names under which parts are built; a registry would import what a name of a file has before its dot.
NECKS = {"ViTPyramid": "mmmim.ViTPyramid", "SimpleFPN": "mmmim.SimpleFPN", "FPN": "mmseg.FPN"}
HEADS = {name: f"mmseg.{name}" for name in ("UPerHead", "FCNHead", "FPNHead")}
LEFT_OUT = ("init_cfg", "loss_decode", "sampler", "type")
PLAIN = (int, float, str, bool, type(None))


class Segmentor(NamedTuple):
    """Holds the settings of what follows the encoder: an optional neck, and the head."""

    backbone: dict[str, Any]  # which maps the encoder returns
    neck: dict[str, Any] | None
    head: dict[str, Any]

    @property
    def num_classes(self) -> int:
        """Return the number of classes."""
        return self.head["num_classes"]


class SegmentationNet(nn.Module):
    """The layers of a segmentor: images ``(B, C, H, W)`` to logits ``(B, classes, H, W)``, in one piece."""

    def __init__(self, backbone: nn.Module, neck: nn.Module | None, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.neck, self.decode_head = backbone, neck, head

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        head: Any = self.decode_head
        logits = head(maps if self.neck is None else self.neck(maps))
        return F.interpolate(logits, images.shape[2:], mode="bilinear", align_corners=head.align_corners)


def is_segmentor(encoder: StoredEncoder) -> bool:
    """Return whether the checkpoint holds the head of a segmentation."""
    return any(name.startswith("decode_head.") for name in encoder.others)


def read_segmentor(encoder: StoredEncoder) -> Segmentor:
    """Return the parts behind the encoder of a segmentation, as the checkpoint's config describes them.

    Raises:
        UsageError: The config is missing, or names other parts than these exports know.
    """
    parts = [encoder.settings.get(part) for part in ("backbone", "neck", "decode_head")]
    backbone, neck, head = (part if isinstance(part, Mapping) else None for part in parts)
    if backbone is None or head is None or not isinstance(head.get("num_classes"), int):
        raise UsageError(
            "--with-head: the checkpoint does not say how its decode_head is built (no config in its meta)"
        )
    settings = {name: _plain(backbone[name], f"backbone.{name}") for name in ("out_indices",) if name in backbone}
    return Segmentor(
        dict(settings, out_type="featmap"),
        None if neck is None else _part(neck, "neck", NECKS),
        _part(head, "decode_head", HEADS),
    )


def _part(settings: Mapping[str, Any], name: str, known: Mapping[str, str]) -> dict[str, Any]:
    kind = str(settings.get("type")).rpartition(".")[2]
    if kind not in known:
        raise UsageError(f"--with-head: {name}.type={kind!r:.80} is not exported; known are {', '.join(known)}")
    plain = {key: _plain(value, f"{name}.{key}") for key, value in settings.items() if key not in LEFT_OUT}
    norm = plain.get("norm_cfg")
    if isinstance(norm, dict) and norm.get("type") in ("SyncBN", "naiveSyncBN"):
        plain["norm_cfg"] = dict(type="BN", requires_grad=True)  # the same in one process
    return dict(plain, type=known[kind])


def _plain(value: Any, place: str, depth: int = 0) -> Any:
    if isinstance(value, str) and place.endswith(".type") and not value.isidentifier():
        raise UsageError(f"--with-head: {place} is {value!r:.80}, not the name of a class")
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple)) and depth < 3 and len(value) < 1000:
        return [_plain(each, place, depth + 1) for each in value]
    if isinstance(value, Mapping) and depth < 3:
        return {str(key): _plain(each, f"{place}.{key}", depth + 1) for key, each in value.items()}
    raise UsageError(f"--with-head: {place} is {value!r:.80}, not a number, a name or a list of these")


def build_segmentor(encoder: StoredEncoder, parts: Segmentor) -> SegmentationNet:
    """Return the network with its weights, in eval mode.

    Raises:
        UsageError: MMSegmentation is missing, or the tensors are not those of the parts.
    """
    try:
        from mmmim.compat import openmmlab  # noqa: F401  # registers mmseg's parts
    except ImportError as error:
        raise UsageError(f"--with-head: a segmentation model needs mmseg: pip install 'mmmim[seg]' ({error})") from None
    with torch.device("meta"):  # sizes of a file cannot fill the memory
        model = _network(encoder, parts)
    prefixes = (ENCODER_PREFIX, "neck.", "decode_head.")
    stored = {ENCODER_PREFIX + name: value for name, value in encoder.state.items()}
    stored |= {name: value for name, value in encoder.others.items() if name.startswith(prefixes)}
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    if wrong := [name for name, shape in wanted.items() if name not in stored or stored[name].shape != shape]:
        raise WeightsError(
            f"--with-head: the tensors are not those of the model that the config describes: {listing(wrong)}"
        )
    model = _network(encoder, parts)
    model.load_state_dict({name: stored[name] for name in wanted})
    return model.eval()


def _network(encoder: StoredEncoder, parts: Segmentor) -> SegmentationNet:
    from mmseg.registry import MODELS as MMSEG

    try:
        backbone = MODELS.build(dict(encoder.arguments, type=f"mmmim.{encoder.kind}", **parts.backbone))
        with default_scope("mmseg"):  # in which a head looks up its loss
            neck = None if parts.neck is None else MMSEG.build(parts.neck)
            return SegmentationNet(backbone, neck, MMSEG.build(parts.head))
    except UsageError:
        raise
    except Exception as error:  # wrong settings can raise anything
        raise WeightsError(
            f"--with-head: the segmentation model cannot be built ({type(error).__name__}: {error})"
        ) from None
