"""Every Python block of every Markdown page runs as it stands: code is executed, configs are checked and built."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from markdown_commands import Block, blocks, tracked_pages
from mmengine.registry import DATASETS, HOOKS, VISBACKENDS, init_default_scope

from mmmim.config.keys import runner_keys
from mmmim.launch.data_paths import missing_paths
from mmmim.launch.options import load_config
from mmmim.plan.memory import build_without_storage

ROOT = Path(__file__).resolve().parents[1]
PLACE = re.compile(r"# (\S+\.py)\n")  # a first line that says which file it is
PYTHON = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}:{block.line}")
    for page in tracked_pages(ROOT)
    for block in blocks(page.read_text(encoding="utf-8"))
    if block.language == "python"
]


def is_config(block: Block) -> bool:
    return all(isinstance(node, ast.Assign) for node in ast.parse(block.body).body)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader stands: a folder with the configs and projects, and no data."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    shutil.copytree(ROOT / "projects", tmp_path / "projects")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


@pytest.mark.parametrize("block", [param for param in PYTHON if not is_config(param.values[0])])
def test_code_runs(block: Block, checkout: Path) -> None:
    exec(compile(block.body, "block", "exec"), {})


@pytest.mark.parametrize("block", [param for param in PYTHON if is_config(param.values[0])])
def test_config_is_built(block: Block, checkout: Path) -> None:
    place = PLACE.match(block.body)
    file = checkout / (place[1] if place else "config.py")
    file.write_text(block.body, encoding="utf-8")
    assigned = {target.id for node in ast.parse(block.body).body for target in node.targets}  # type: ignore[attr-defined]
    names = [node for node in ast.walk(ast.parse(block.body)) if isinstance(node, ast.Name)]
    read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    unread = assigned - read - runner_keys() - {"_base_", "default_scope"}
    assert "_base_" in assigned, "a config to copy names the config that it changes"
    assert not unread, f"nothing reads {unread}"
    cfg = load_config(str(file))
    init_default_scope(cfg.default_scope)
    model = build_without_storage(cfg)
    for hook in cfg.get("custom_hooks") or ():
        HOOKS.build(hook)
    for backend in cfg.visualizer.vis_backends:
        VISBACKENDS.build(dict(backend, save_dir=str(checkout / "vis")))
    for loader in ("train_dataloader", "val_dataloader"):
        if cfg.get(loader) is not None and not missing_paths(cfg, loader):
            assert DATASETS.build(cfg[loader].dataset)[0]
    if cfg.default_scope == "mmseg":
        check_segmentor(model)


def check_segmentor(model: Any) -> None:
    """The maps of the backbone are such as the heads take."""
    model = model.to("meta").eval()
    maps = model.extract_feat(torch.empty(1, 3, 512, 512, device="meta"))
    assert all(each.ndim == 4 for each in maps)
    for head in (model.decode_head, *([model.auxiliary_head] if model.with_auxiliary_head else [])):
        assert head(maps).ndim == 4
