from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch

from mmmim.checkpoint.reader import read_file
from mmmim.errors import UsageError
from mmmim.interop.encoder import Features, StoredEncoder, build_encoder
from mmmim.interop.mmpretrain_layout import from_mmpretrain, mmpretrain_usage, to_mmpretrain

from .classifier import Classifier, build_classifier, read_classifier
from .official import build_official, official_layout, official_usage, write_official
from .timm_models import build_timm, build_timm_model, timm_code, timm_state
from .torchvision_models import build_torchvision, build_torchvision_model, torchvision_code

TOLERANCE = 1e-5


def export(encoder: StoredEncoder, target: str, out: str | Path, with_head: bool = False) -> tuple[str, float]:
    """Write ``encoder`` to ``out`` in the form of ``target``, and compare the features of what was written.

    Returns:
        How to load the file, and the largest difference of the token features (``with_head``: of the logits) of two
        random images.

    Raises:
        UsageError: ``target`` is unknown or has no such model, or the features differ by more than ``TOLERANCE``.
    """
    if target not in TARGETS:
        raise UsageError(f"--to {target}: choose one of {', '.join(TARGETS)}")
    if with_head and target not in CLASSIFIERS:
        raise UsageError(f"--with-head: is for --to {' and '.join(CLASSIFIERS)}; --to official always has the head")
    classifier = read_classifier(encoder) if with_head else None
    write, build, explain = TARGETS[target] if classifier is None else _with_head(target, classifier)
    out = Path(out)
    if target != "safetensors" and out.suffix == ".safetensors":
        raise UsageError(
            f"--out {out}: --to {target} writes a PyTorch file; name it .pth, or use "
            "--to safetensors, which has the same names"
        )
    usage = explain(encoder, out)  # raises an error, before anything is written, if the target cannot hold the encoder
    out.parent.mkdir(parents=True, exist_ok=True)
    write(encoder, out)
    shape, generator = (2, encoder.meta["in_channels"], *encoder.meta["img_size"]), torch.Generator().manual_seed(0)
    images = torch.randn(shape, generator=generator, dtype=torch.float64)  # rounding would hide small differences
    with torch.no_grad():
        ours = build_encoder(encoder, encoder.state) if classifier is None else build_classifier(encoder, classifier)
        expected = ours(images)
        try:
            difference = (build(encoder, out)(images) - expected).abs().max().item()
        except UsageError:
            out.unlink()
            raise
    if with_head:  # relative to large logits: a folded batch norm is rounded
        difference /= max(1.0, expected.abs().max().item())
    if not difference < TOLERANCE:
        out.unlink()
        what = "logits" if with_head else "features"
        raise UsageError(
            f"--to {target}: {what} differ by {difference:.1e} (limit {TOLERANCE:.0e}); nothing is written"
        )
    return usage, difference


def _write_timm(encoder: StoredEncoder, out: Path) -> None:
    torch.save(timm_state(encoder), out)


def _write_safetensors(encoder: StoredEncoder, out: Path) -> None:
    from safetensors.torch import save_file

    save_file(encoder.state, out, metadata={"mmmim": json.dumps(encoder.meta)})


def _write_mmpretrain(encoder: StoredEncoder, out: Path) -> None:
    torch.save(dict(state_dict=to_mmpretrain(encoder), meta=dict(mmmim=encoder.meta)), out)


def _build_safetensors(encoder: StoredEncoder, file: Path) -> Features:
    return build_encoder(encoder, read_file(file))


def _build_mmpretrain(encoder: StoredEncoder, file: Path) -> Features:
    """Return the encoder's features after names and columns are converted back; mmpretrain itself does not run."""
    return build_encoder(encoder, from_mmpretrain(encoder, read_file(file)["state_dict"]))


def _safetensors_usage(encoder: StoredEncoder, out: Path) -> str:
    return f"state = safetensors.torch.load_file({str(out)!r})  # timm's parameter names"


def _official(target: str) -> tuple[Callable, Callable, Callable]:
    """Return write, build and usage of ``official``, or of one of its layouts by name."""
    return (
        lambda encoder, out: write_official(encoder, official_layout(encoder, target), out),
        lambda encoder, out: build_official(encoder, official_layout(encoder, target), out),
        lambda encoder, out: official_usage(encoder, official_layout(encoder, target), out),
    )


CLASSIFIERS: dict[str, tuple[Callable, Callable]] = {
    "timm": (build_timm_model, timm_code),
    "torchvision": (build_torchvision_model, torchvision_code),
}


def _with_head(target: str, classifier: Classifier) -> tuple[Callable, Callable, Callable]:
    build, code = CLASSIFIERS[target]
    return (
        lambda encoder, out: torch.save(timm_state(encoder, classifier), out),
        lambda encoder, out: build(encoder, out, classifier),
        lambda encoder, out: code(encoder, out, classifier),
    )


# How to write the file, to compute features from it, and to tell the user what to do with it.
TARGETS: dict[str, tuple[Callable, Callable, Callable]] = {
    "timm": (_write_timm, build_timm, timm_code),
    "torchvision": (_write_timm, build_torchvision, torchvision_code),
    "safetensors": (_write_safetensors, _build_safetensors, _safetensors_usage),
    "mmpretrain": (_write_mmpretrain, _build_mmpretrain, mmpretrain_usage),
    **{name: _official(name) for name in ("official", "mae", "beit", "simmim")},
}
