from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch

from mmmim.checkpoint.reader import read_file
from mmmim.errors import UsageError, one_of
from mmmim.interop.encoder import Features, StoredEncoder, build_encoder
from mmmim.interop.mmpretrain_layout import from_mmpretrain, mmpretrain_usage, to_mmpretrain

from .card import write_card
from .classifier import Classifier, build_classifier, read_classifier
from .decoder import Decoder, build_decoding, has_decoder, read_decoder
from .graphs import ONNX, ONNX_FILE, TORCH_EXPORT, TORCH_FILE, network
from .official import build_official, official_layout, official_usage, write_official
from .output import check_output, staged
from .segmentor import is_segmentor, read_segmentor
from .target import DOUBLE, Head, Target
from .timm_models import TIMM_FILE, TIMM_FOLDER
from .torchvision_models import TORCHVISION
from .transformers import TRANSFORMERS

TOLERANCE = DOUBLE
HEADS: dict[str, Callable[[StoredEncoder], Head]] = {
    "segmentor": read_segmentor,
    "decoder": read_decoder,
    "classifier": read_classifier,
}
OFFICIAL = ("official", "mae", "beit", "simmim")
SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")  # names that end so are files


def export(encoder: StoredEncoder, target: str, out: str | Path, with_head: bool = False) -> tuple[str, float]:
    """Write ``encoder`` to ``out`` in the form of ``target``, and compare the features of what was written.

    Returns:
        How to load it, and the largest difference of the token features (``with_head``: of the head's output) of two
        random images.

    Raises:
        UsageError: ``target`` is unknown or has no such model, ``out`` is taken, or the features differ by more than
            the target's tolerance.
    """
    out = Path(out)
    form, file = form_of(target, out)
    check_output(out, form.is_folder)
    head = _head(encoder, target, form) if with_head else None
    usage = form.explain(encoder, out / file, head)  # raises before anything is written if the target has no such model
    with staged(out, form.is_folder) as place:
        form.write(encoder, place / file, head)
        difference = compare(encoder, target, form, place / file, head)
        if form.is_folder:
            write_card(encoder, target, place, out.name, usage, difference, head)
    return usage, difference


def form_of(target: str, out: Path) -> tuple[Target, str]:
    """Return the form in which a target is written to a place of that name, and the name of the file in a folder.

    Raises:
        UsageError: There is no such target, or it is not written to a file of that name.
    """
    one_of("--to", target, TARGETS)
    form, file = TARGETS[target], FILES.get(target, "")
    if target == "timm" and out.suffix in SUFFIXES:
        return TIMM_FILE, ""
    if file and out.suffix == Path(file).suffix:
        return form, ""
    if form.is_folder or file:
        if out.suffix in (*SUFFIXES, ".onnx", ".pt2"):
            what = f"a folder, or a file {Path(file).suffix}" if file else "a folder"
            raise UsageError(f"--out {out}: --to {target} writes {what}; leave {out.suffix} out of the name")
        return form._replace(is_folder=True), file
    if target != "safetensors" and out.suffix == ".safetensors":
        raise UsageError(
            f"--out {out}: --to {target} writes a PyTorch file; name it .pth, or use "
            "--to safetensors, which has timm's names"
        )
    return form, ""


def _head(encoder: StoredEncoder, target: str, form: Target) -> Head:
    kind = _kind_of_head(encoder)
    if target in OFFICIAL:
        raise UsageError(f"--with-head: --to {target} always writes the head; leave the option out")
    if kind not in form.heads:
        others = [name for name, each in TARGETS.items() if kind in each.heads]
        raise UsageError(f"--with-head: a {kind} is for --to {', '.join(others)}; --to {target} has the encoder alone")
    return HEADS[kind](encoder)


def _kind_of_head(encoder: StoredEncoder) -> str:
    if is_segmentor(encoder):
        return "segmentor"
    return "decoder" if has_decoder(encoder) else "classifier"


def compare(encoder: StoredEncoder, target: str, form: Target, place: Path, head: Head | None) -> float:
    """Return the largest difference between mmmim's outputs and those of what was written.

    Raises:
        UsageError: They differ by more than the form's tolerance.
    """
    shape, generator = (2, encoder.meta["in_channels"], *encoder.meta["img_size"]), torch.Generator().manual_seed(0)
    images = torch.randn(shape, generator=generator, dtype=torch.float64).to(form.dtype)
    with torch.no_grad():
        expected = _ours(encoder, form, head)(images)
        theirs = form.run(encoder, place, head)(images)
    difference = (theirs - expected).abs().max().item() if theirs.shape == expected.shape else float("nan")
    if (
        head is not None or form.dtype != torch.float64
    ):  # large outputs are rounded, as a batch norm folded into a layer
        difference /= max(1.0, expected.abs().max().item())
    if not difference < form.tolerance:
        what = "features" if head is None else "logits"
        raise UsageError(
            f"--to {target}: {what} differ by {difference:.1e} (limit {form.tolerance:.0e}); nothing is written"
        )
    return difference


def _ours(encoder: StoredEncoder, form: Target, head: Head | None) -> Features:
    if form.dtype != torch.float64:
        return network(encoder, head)
    if isinstance(head, Decoder):
        return build_decoding(encoder, head)
    return build_classifier(encoder, head) if isinstance(head, Classifier) else build_encoder(encoder, encoder.state)


def _write_safetensors(encoder: StoredEncoder, out: Path, head: Head | None) -> None:
    from safetensors.torch import save_file

    save_file(encoder.state, out, metadata={"mmmim": json.dumps(encoder.meta)})


def _write_mmpretrain(encoder: StoredEncoder, out: Path, head: Head | None) -> None:
    torch.save(dict(state_dict=to_mmpretrain(encoder), meta=dict(mmmim=encoder.meta)), out)


def _run_mmpretrain(encoder: StoredEncoder, file: Path, head: Head | None) -> Features:
    """Return the encoder's features after names and columns are converted back; mmpretrain itself does not run."""
    return build_encoder(encoder, from_mmpretrain(encoder, read_file(file)["state_dict"]))


def _official(target: str) -> Target:
    """Return ``official``, or one of its layouts by name."""
    return Target(
        lambda encoder, out, head: official_usage(encoder, official_layout(encoder, target), out),
        lambda encoder, out, head: write_official(encoder, official_layout(encoder, target), out),
        lambda encoder, out, head: build_official(encoder, official_layout(encoder, target), out),
    )


SAFETENSORS = Target(
    lambda encoder, out, head: f"state = safetensors.torch.load_file({str(out)!r})  # timm's parameter names",
    _write_safetensors,
    lambda encoder, out, head: build_encoder(encoder, read_file(out)),
)
MMPRETRAIN = Target(lambda encoder, out, head: mmpretrain_usage(encoder, out), _write_mmpretrain, _run_mmpretrain)
TARGETS: dict[str, Target] = {
    "timm": TIMM_FOLDER,
    "transformers": TRANSFORMERS,
    "onnx": ONNX,
    "torch-export": TORCH_EXPORT,
    "torchvision": TORCHVISION,
    "safetensors": SAFETENSORS,
    "mmpretrain": MMPRETRAIN,
    **{name: _official(name) for name in OFFICIAL},
}
FILES = {"onnx": ONNX_FILE, "torch-export": TORCH_FILE}  # the file in the folder, whose suffix also names a single file
