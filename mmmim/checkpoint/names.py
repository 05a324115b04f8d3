"""Find the tensors of a checkpoint that belong to the encoder, and compare them with a module."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from typing import Any

import torch
from mmengine.runner import load_state_dict
from torch import Tensor, nn

ENCODER_PREFIX = "backbone."
PRETRAIN_ONLY = ("mask_token", "decoder*", "projector*", "predictor*")
# What a checkpoint and an encoder must agree on; the first of these do not show in tensor shapes.
FACTS = ("num_heads", "patch_size", "embed_dims", "depth", "depths", "in_channels")

State = Mapping[str, Tensor]


def model_state(checkpoint: Any) -> dict[str, Tensor]:
    """Return the weights of a runner's checkpoint, or of a file that holds only weights, as MMEngine reads them.

    The content of any other file gives no weights.
    """
    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, Mapping) else None
    if not isinstance(state, Mapping):
        return {}
    named = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
    return {name.removeprefix("module."): value for name, value in named.items()}


def stored_facts(checkpoint: Any) -> dict[str, Any]:
    """Return what a checkpoint says of its encoder, ``meta['mmmim']``; an empty dict where it says nothing."""
    meta = checkpoint.get("meta") if isinstance(checkpoint, Mapping) else None
    facts = meta.get("mmmim") if isinstance(meta, Mapping) else None
    return dict(facts) if isinstance(facts, Mapping) else {}


def strip_prefix(state: State, prefix: str | None) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix`` (``'backbone'`` or ``'backbone.'``), without the prefix."""
    if not prefix:
        return dict(state)
    prefix = prefix.rstrip(".") + "."
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def prefixes_of(state: State, names: Iterable[str]) -> list[str]:
    """Return the prefixes under which ``state`` holds tensors called ``names``, those with most tensors first."""
    found: dict[str, int] = {}
    wanted = set(names)
    for key in state:
        parts = key.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in wanted:
                prefix = "".join(part + "." for part in parts[:cut])
                found[prefix] = found.get(prefix, 0) + 1
    return sorted(found, key=lambda prefix: (-found[prefix], prefix))


def matching(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the names that match at least one of the fnmatch ``patterns``."""
    patterns = tuple(patterns)
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def differing_facts(meta: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return where a checkpoint's ``meta`` and an encoder's ``describe()`` disagree: ``{name: (file, encoder)}``."""
    shared = [name for name in FACTS if name in meta and name in facts]
    return {name: (meta[name], facts[name]) for name in shared if meta[name] != facts[name]}


def written_by(meta: Mapping[str, Any], module: nn.Module) -> str:
    """Return which encoder wrote a checkpoint, seen from ``module``: ``another ViT``, or ``a Swin, not by a ViT``."""
    ours = type(module).__name__
    theirs = meta.get("backbone", ours)
    return f"another {ours}" if theirs == ours else f"a {theirs}, not by a {ours}"


@dataclass
class LoadReport:
    """The names of the tensors of a file and of a module, by whether and how they were loaded."""

    expected: int
    loaded: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    other_shape: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> str:
        """Return the numbers of loaded and of expected tensors: ``150/150``."""
        return f"{len(self.loaded)}/{self.expected}"

    @property
    def complete(self) -> bool:
        """Return whether tensors were loaded, all of them without a problem."""
        return bool(self.loaded) and not self.problems()

    def line(self) -> str:
        """Return one line for the log: how many tensors were loaded, resized, unused, new and copied."""
        kinds = [
            f"{len(names)} {kind}" + (f": {listing(names)}" if names else "")
            for kind, names in (("resized", self.resized), ("unused", self.unused), ("new", self.new))
        ]
        if self.copied:
            kinds.append(f"{len(self.copied)} copied to other names: {listing(self.copied)}")
        return f"loaded {self.ratio} backbone tensors ({'; '.join(kinds)})"

    def problems(self) -> list[str]:
        """Return a line for each kind of problem, with the names of the tensors."""
        described = (
            ("missing in the file", self.missing),
            ("of another shape in the file", self.other_shape),
            ("in the file but not in the backbone", self.unexpected),
            ("not finite in the file", self.not_finite),
            ("loaded, then overwritten", self.changed),
        )
        return [f"{len(names)} {problem}: {listing(names)}" for problem, names in described if names]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as it is written to a JSON file."""
        return {"loaded_of_expected": self.ratio, "line": self.line(), **asdict(self)}


def listing(names: list[str], limit: int = 5) -> str:
    """Return the first ``limit`` names, separated by commas, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def compare(state: State, module: nn.Module) -> LoadReport:
    """Return which tensors of ``state`` can be loaded into a copy of ``module``, and whether ``module`` holds them.

    The copy runs the module's own load hooks, so the report covers what they resize, rename or drop.
    ``module.pretrain_only`` and ``module.downstream_only`` are fnmatch patterns for what may be left over in the file
    and for what the file need not have.
    """
    probe = copy.deepcopy(module).cpu()
    own = probe.state_dict()
    for tensor in own.values():
        if tensor.is_floating_point():
            tensor.fill_(float("nan"))
    load_state_dict(probe, dict(state), strict=False, logger="silent")

    same_shape = [name for name in own if name in state and state[name].shape == own[name].shape]
    arrived = [name for name in own if name in same_shape or _is_written(own[name])]
    absent = [name for name in own if name not in arrived]
    new = matching((n for n in absent if n not in state), getattr(module, "downstream_only", ()))
    left_over = [name for name in state if name not in own]
    expendable = matching(left_over, (*PRETRAIN_ONLY, *getattr(module, "pretrain_only", ())))
    renamed = {_leaf(name) for name in arrived if name not in state}  # a load hook filled them from another tensor
    copied = {_leaf(name): name for name in expendable if _leaf(name) in renamed}
    sources = {name: state.get(name, state.get(copied.get(_leaf(name), ""))) for name in arrived}
    broken = [name for name in arrived if own[name].is_floating_point() and not bool(own[name].isfinite().all())]
    values = module.state_dict()
    return LoadReport(
        expected=len(own) - len(new),
        loaded=arrived,
        resized=[n for n, source in sources.items() if source is not None and source.shape != own[n].shape],
        copied=list(copied.values()),
        unused=[name for name in expendable if name not in copied.values()],
        new=new,
        missing=[n for n in absent if n not in state and n not in new],
        other_shape=[
            f"{n} (file {tuple(state[n].shape)}, backbone {tuple(own[n].shape)})" for n in absent if n in state
        ],
        unexpected=[name for name in left_over if name not in expendable],
        not_finite=broken,
        changed=[n for n in arrived if n not in broken and not torch.equal(values[n].cpu(), own[n])],
    )


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _is_written(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and not bool(tensor.isnan().all())
