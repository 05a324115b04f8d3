"""The ``README.md`` of an exported folder: what the model is, where it comes from and how it is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmmim.checkpoint.names import listing
from mmmim.config.text import config_value
from mmmim.interop.encoder import StoredEncoder

from .classifier import Classifier
from .segmentor import Segmentor
from .target import Head

FIGURES = (
    "knn.json",
    "probe.json",
    "test_metrics.json",
    "test_metrics_tta.json",
)  # what tools write beside a checkpoint


class Library(NamedTuple):
    """A library that opens the folder: its name on model hubs, and what its code imports."""

    name: str
    imports: str


LIBRARIES = {
    "timm": Library("timm", "import timm"),
    "transformers": Library("transformers", "from transformers import AutoImageProcessor, {auto}"),
    "onnx": Library("onnx", "import onnxruntime"),
    "torch-export": Library("pytorch", "import torch"),
}
TASKS: dict[type, str] = {Classifier: "image-classification", Segmentor: "image-segmentation"}
STAGES = {"ssl": ", pre-training without labels", "ft": ", fine-tuned with labels"}


def write_card(
    encoder: StoredEncoder, target: str, folder: Path, name: str, usage: str, difference: float, head: Head | None
) -> None:
    """Write ``README.md`` into an exported folder."""
    library = LIBRARIES[target]
    task = TASKS.get(type(head), "image-feature-extraction")
    meta = encoder.meta
    method, stage = meta.get("method", "unknown"), meta.get("stage")
    (height, width), channels = meta["img_size"], meta["in_channels"]
    what = f"{meta['backbone']} {_arch(meta.get('arch'))}, images {height}x{width} with {channels} channels"
    rows = {
        "encoder": what,
        "method": f"{method}{STAGES.get(str(stage), '')}",
        "run": _run(encoder.config),
        "data": _data(encoder.config),
        "recipe": _recipe(encoder),
        "classes": listing(list(encoder.classes), 10) if type(head) in TASKS else "",
        "normalisation": _normalisation(meta),
        "written by": f"mmmim {_text(meta.get('version', ''))}, `tools/export.py --to {target}`",
        "check": f"the largest difference from mmmim's own output on two random images is {difference:.1e}",
    }
    table = "\n".join(f"| {key} | {value.replace('|', '/')} |" for key, value in rows.items() if value)
    imports = library.imports.format(auto=_auto(usage))
    relative = re.sub(r"(['\"])(local-dir:)?[^'\"]*?/?" + re.escape(name) + r"(?=[/'\"])", rf"\1\2{name}", usage)
    card = f"""---
library_name: {library.name}
pipeline_tag: {task}
tags: [mmmim, {_tag(method)}]
---

# {name}

| | |
|---|---|
{table}

{_figures(encoder.file)}
## Use

```python
{imports}

{relative}
```

## Licence

The checkpoint states no licence of its weights: whoever publishes this folder states it here. The code of mmmim, which
wrote it, is under Apache-2.0.
"""
    (folder / "README.md").write_text(card, encoding="utf-8")


def _auto(usage: str) -> str:
    found = re.search(r"AutoModel\w*", usage)
    return found[0] if found else ""


def _tag(method: Any) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(method).lower()).strip("-") or "unknown"


def _arch(arch: Any) -> str:
    return arch if isinstance(arch, str) else ", ".join(f"{key} {value}" for key, value in (arch or {}).items())


def _text(value: Any, limit: int = 80) -> str:
    """Return a value of a checkpoint as one harmless line."""
    return re.sub(r"[^\w.,:+@/ \[\]=-]", "", str(value))[:limit]


def _run(config: str | None) -> str:
    """Return the end of the work directory, by default the config's path below ``configs/``: ``mae/vit-b_800e``."""
    folder = config_value(config, "work_dir")
    return _text("/".join(Path(folder).parts[-2:])) if isinstance(folder, str) else ""


def _data(config: str | None) -> str:
    loader = config_value(config, "train_dataloader")
    dataset = loader.get("dataset") if isinstance(loader, Mapping) else None
    for _ in range(4):  # wrapped
        if not isinstance(dataset, Mapping) or not isinstance(dataset.get("dataset"), Mapping):
            break
        dataset = dataset["dataset"]
    if not isinstance(dataset, Mapping):
        return ""
    place = next((dataset[key] for key in ("root", "data_root", "ann_file") if isinstance(dataset.get(key), str)), "")
    folder = "/".join(Path(place).parts[-2:])  # without the folders of the machine
    return _text(f"{str(dataset.get('type')).rpartition('.')[2]} {folder}".strip())


def _recipe(encoder: StoredEncoder) -> str:
    config, meta = encoder.config, encoder.meta
    wrapper, loader, loop = (config_value(config, key) for key in ("optim_wrapper", "train_dataloader", "train_cfg"))
    facts = {}
    if isinstance(meta.get("epoch"), int) and isinstance(meta.get("iter"), int):
        facts["trained for"] = f"{meta['epoch']} epochs, {meta['iter']} iterations"
    if isinstance(loop, Mapping) and isinstance(loop.get("max_epochs"), int):
        facts["of"] = f"{loop['max_epochs']} epochs"
    if isinstance(loader, Mapping) and isinstance(loader.get("batch_size"), int):
        facts["images per process and step"] = loader["batch_size"]
    optimizer = wrapper.get("optimizer") if isinstance(wrapper, Mapping) else None
    if isinstance(optimizer, Mapping):
        known = {key: optimizer[key] for key in ("lr", "betas", "weight_decay") if optimizer.get(key) is not None}
        facts["optimizer"] = f"{optimizer.get('type')} {' '.join(f'{key}={value}' for key, value in known.items())}"
    return "; ".join(_text(f"{key} {value}", 160) for key, value in facts.items())


def _normalisation(meta: Mapping[str, Any]) -> str:
    if not meta.get("mean") or not meta.get("std"):
        return ""
    return f"mean {meta['mean']}, deviation {meta['std']} of values from 0 to 255, RGB"


def _figures(file: Path | None) -> str:
    """Return a table of the figures that tools wrote beside the checkpoint, if there are any."""
    rows = []
    for name in FIGURES if file is not None else ():
        path = file.parent / name  # type: ignore[union-attr]
        try:
            content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, ValueError):
            continue
        if name.endswith("metrics.json") or name.endswith("tta.json"):
            rows += [(name, key, value) for key, value in _numbers(content)]
        elif isinstance(content, Mapping) and Path(str(content.get("checkpoint"))).name == file.name:  # type: ignore[union-attr]
            rows += [(name, key, value) for key, value in _numbers(content.get("pretrained"))]
    if not rows:
        return ""
    lines = "\n".join(f"| {source} | {_text(key)} | {value:.4g} |" for source, key, value in rows)
    return f"## Figures\n\n| from | measure | value |\n|---|---|---|\n{lines}\n"


def _numbers(content: Any, prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for key, value in content.items() if isinstance(content, Mapping) else ():
        if isinstance(value, Mapping) and not prefix:
            found += _numbers(value, f"{key} ")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found.append((f"{prefix}{key}", float(value)))
    return found[:30]
