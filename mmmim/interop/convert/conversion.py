from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from mmmim.checkpoint.files import atomic_write
from mmmim.checkpoint.foreign import Source, read_source
from mmmim.checkpoint.names import ENCODER_PREFIX, listing
from mmmim.errors import UsageError, did_you_mean
from mmmim.version import __version__

from .beit import BEIT, CONMIM, INCEPTION
from .layout import NO_PLACE, Choices, Layout
from .mae import MAE
from .mmpretrain import MMPRETRAIN
from .simmim import SIMMIM

# To add a layout, write a module with a Layout and add a line here.
LAYOUTS: dict[str, Layout] = {
    "mae": MAE,
    "beit": BEIT,
    "conmim": CONMIM,
    "simmim": SIMMIM,
    "mmpretrain": MMPRETRAIN,
}


class Conversion(NamedTuple):
    """The result of converting a foreign file."""

    layout: str
    state: dict[str, Tensor]
    meta: dict[str, Any]  # meta['mmmim']
    parts: dict[str, nn.Module]  # backbone and neck, on the meta device
    left_out: dict[str, str]  # names of tensors, and the reason for each
    note: str | None = None

    def describe(self) -> str:
        """Return the architecture in one line."""
        meta = self.meta
        arch = meta["arch"] if isinstance(meta["arch"], str) else ", ".join(f"{k}={v}" for k, v in meta["arch"].items())
        height, width = meta["img_size"]
        ph, pw = meta["patch_size"]
        facts = [f"{meta['backbone']} {arch}", f"images {height}x{width}", f"patches {ph}x{pw}"]
        if meta["backbone"] == "ViT":
            facts.append(f"{'a' if meta['with_cls_token'] else 'no'} class token, positions {meta['pos_embed']}")
        return ", ".join(facts)

    def contents(self) -> str:
        """Return how many tensors each part has: ``backbone 150, neck 102``."""
        parts = Counter(name.partition(".")[0] for name in self.state)
        return ", ".join(f"{part} {number}" for part, number in parts.items())

    def left_out_by_reason(self) -> dict[str, list[str]]:
        """Return the names of the tensors that were left out, by the reason for it."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            reasons.setdefault(reason, []).append(name)
        return reasons


def convert_file(
    file: str | Path,
    out: str | Path,
    layout: str | None = None,
    choices: Choices | None = None,
    prefix: str | None = None,
) -> tuple[Source, Conversion]:
    """Read ``file`` and write the checkpoint ``out`` that a training with mmmim would have written.

    Args:
        prefix: Name of the model to read from a file with several, such as ``teacher``.
    """
    if Path(out).exists() and Path(file).exists() and Path(out).samefile(file):
        raise UsageError(f"--out {out}: is the file to convert; give another name")
    if Path(out).is_dir():
        raise UsageError(f"--out {out}: is a folder; give the name of a file, such as {Path(out, 'converted.pth')}")
    source = read_source(file, prefix, [marks for each in LAYOUTS.values() for marks in each.marks])
    converted = convert(source, layout, choices)
    checkpoint = dict(meta=dict(epoch=0, iter=0, mmmim=converted.meta), state_dict=converted.state)
    with atomic_write(out) as stream:
        torch.save(checkpoint, stream)
    return source, converted


def convert(source: Source, layout: str | None = None, choices: Choices | None = None) -> Conversion:
    """Return the tensors of ``source`` under mmmim's names, and the description of their encoder.

    Args:
        layout: A name of :data:`LAYOUTS`; None recognises it by the names of the tensors.

    Raises:
        UsageError: the layout is unknown, or a tensor of the encoder or decoder is missing, has no place, has another
            shape than the others imply, or is not finite.
    """
    name = find_layout(source) if layout is None else layout
    if name not in LAYOUTS:
        raise UsageError(f"--from {name}: unknown{did_you_mean(name, LAYOUTS)}; choose one of {', '.join(LAYOUTS)}")
    chosen = LAYOUTS[name]
    try:
        names = chosen.rename(source.state)
        state = dict(chosen.arrange({ours: source.state[theirs] for theirs, ours in names.items()}))
        parts = chosen.build(state, choices or Choices())
        for part, module in parts.items():
            _check(part, module, state, {ours: theirs for theirs, ours in names.items()})
    except ValueError as error:
        raise UsageError(f"{source.file}: as layout {name!r}: {error}") from None
    return Conversion(
        layout=name,
        state={key: value.clone(memory_format=torch.contiguous_format) for key, value in state.items()},
        meta=_facts(parts["backbone"], state, source, name),
        parts=parts,
        left_out={key: _reason(key, chosen) for key in source.state if key not in names},
        note=chosen.note(source),
    )


def find_layout(source: Source) -> str:
    """Return the name of the layout that the names of the tensors fit.

    Raises:
        UsageError: none fits, or several do.
    """
    found = {
        name: set(marks)
        for name, layout in LAYOUTS.items()
        for marks in layout.marks
        if all(mark in source.state for mark in marks)
    }
    fitting = [name for name, marks in found.items() if not any(marks < other for other in found.values())]
    if len(fitting) == 1:
        return fitting[0]
    known = "\n".join(f"  {name}: {layout.about}" for name, layout in LAYOUTS.items())
    if fitting:
        raise UsageError(f"{source.file}: may be {' or '.join(fitting)}; say which with --from NAME\n{known}")
    ours = ENCODER_PREFIX + "patch_embed.proj.weight" in source.state
    hint = "; if mmmim wrote it, it needs no conversion" if ours else ""
    raise UsageError(
        f"{source.file}: no layout fits{hint}\n  the file holds {listing(list(source.state), 8)}\n"
        f"layouts, of which --from NAME forces one, also of names that have something before them:\n{known}"
    )


def _reason(name: str, layout: Layout) -> str:
    return next((reason for pattern, reason in layout.unused.items() if fnmatch(name, pattern)), NO_PLACE)


def _check(part: str, module: nn.Module, state: dict[str, Tensor], theirs: dict[str, str]) -> None:
    """Raise ``UsageError`` unless the tensors below ``part.`` are exactly those of ``module``."""
    prefix = part + "."
    own = {prefix + name: tuple(value.shape) for name, value in module.state_dict().items()}
    stored = {name: tuple(value.shape) for name, value in state.items() if name.startswith(prefix)}
    missing = [name for name in own if name not in stored]
    unexpected = [theirs.get(name, name) for name in stored if name not in own]
    other = [
        f"{theirs.get(name, name)} is {stored[name]}, must be {shape}"
        for name, shape in own.items()
        if name in stored and stored[name] != shape
    ]
    broken = [
        theirs.get(name, name)
        for name in own
        if name in stored and state[name].is_floating_point() and not bool(state[name].isfinite().all())
    ]
    found = (
        (missing, "missing (under mmmim's names)", "the file is incomplete, or of another layout: --from NAME"),
        (unexpected, f"without a place in a {type(module).__name__}", "the file is of another model"),
        (other, "of a shape that contradicts the others", "the file mixes two models, or is damaged"),
        (broken, "not finite", "the file is damaged, or its training diverged"),
    )
    lines = [f"{len(names)} {kind}: {listing(names)}\n    {fix}" for names, kind, fix in found if names]
    if lines:
        raise UsageError("\n  ".join([f"its {part} does not fit {_described(module)}", *lines]))


def _described(module: nn.Module) -> str:
    """Return the module's class and sizes, which were read from the shapes of the leading tensors."""
    shown = ("embed_dims", "stage_dims", "dims", "depth", "depths", "img_size", "patch_size", "in_channels", "grid")
    values = {name: getattr(module, name) for name in shown if not callable(getattr(module, name, len))}
    return f"{type(module).__name__}({', '.join(f'{name}={value}' for name, value in values.items())})"


def _facts(backbone: Any, state: dict[str, Tensor], source: Source, layout: str) -> dict[str, Any]:
    """Return ``meta['mmmim']`` as ``MetaHook`` writes it."""
    tuned = any(name.startswith("head.") for name in state)
    facts = dict(
        backbone.describe(),
        method="ImageClassifier" if tuned else "MaskedImageModel",
        stage="ft" if tuned else "ssl",
        epoch=source.epoch,
        iter=None,
        version=__version__,
        to_rgb=True,
        converted_from=layout,
    )
    if tuned:
        facts["classifier"] = _classifier(backbone, state)
    if backbone.in_channels == 3:
        for name, values in zip(("mean", "std"), _statistics(source, LAYOUTS[layout]), strict=True):
            facts[name] = [float(f"{255 * value:.6g}") for value in values]
    return facts


def _classifier(backbone: Any, state: dict[str, Tensor]) -> dict[str, Any]:
    """Return what the head sees: the mean of the patches, normed after it, or the class token."""
    norms = {"head.norm.0.weight": "ln", "head.norm.0.running_mean": "bn"}
    norm = [kind for name, kind in norms.items() if name in state]
    by_mean = "backbone.norm.weight" not in state or not hasattr(backbone, "num_prefix") or not backbone.num_prefix
    return dict(backbone=dict(out_type="avg" if by_mean else "cls"), head=dict(norm=norm))


def _statistics(source: Source, layout: Layout) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of the images, by the options of BEiT's and ConMIM's runs if the file has them."""
    imagenet = source.options.get("imagenet_default_mean_and_std")
    if imagenet is None:
        return layout.mean, layout.std
    return (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD) if imagenet else (INCEPTION, INCEPTION)
