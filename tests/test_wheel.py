"""The wheel and the source distribution, as they are used where there is no clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
BUILD = "from setuptools import build_meta as build; build.build_sdist('dist'); build.build_wheel('dist')"
QUICK = ["--cfg-options", "train_cfg.stop_after=1", "train_dataloader.num_workers=0"]
QUICK += ["train_dataloader.persistent_workers=False", "train_dataloader.dataset.num_images=64"]


def carried() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both distributions, built from a copy of the clone."""
    clone = tmp_path_factory.mktemp("clone")
    for file in carried():
        (clone / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, clone / file)
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return clone / "dist"


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the unpacked wheel lies, like ``site-packages``."""
    folder = tmp_path_factory.mktemp("site-packages")
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def call(installed: Path, tmp_path: Path):
    """``call(*words)``: Python in an empty folder, with mmmim from the wheel; returns what it printed."""

    def run(*words: str, status: int = 0) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MMMIM_")}
        environment |= dict(
            PYTHONPATH=str(installed), OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="", PYTHON=sys.executable
        )
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == status, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

    return run


def test_both_distributions_carry_what_the_commands_read(built: Path, installed: Path) -> None:
    shipped = [file for file in carried() if file.parts[0] in ("configs", "projects", "tools", "model-index.yml")]
    assert len(shipped) > 200
    mim = installed / "mmmim/.mim"
    assert (installed / "mmmim/py.typed").is_file()  # type checkers and editors read the package's types
    missing = {str(file) for file in shipped if not (mim / file).is_file() and file.parts[1] != "docs"}
    assert missing == {"tools/golden_losses.py", "tools/newest.py"}  # like tools/docs they work on what a clone has
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        *map(str, shipped),
        "setup.py",
        "pyproject.toml",
        "CHANGELOG.md",
        "CITATION.cff",
        "mmmim/commands/main.py",
    }
    assert wanted - names == set()
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".pyc")]


def test_the_command_and_the_metafiles_are_where_tools_look_for_them(installed: Path) -> None:
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "mmmim = mmmim.commands.main:main" in points.read_text(encoding="utf-8")
    mim = installed / "mmmim/.mim"
    index = yaml.safe_load((mim / "model-index.yml").read_text(encoding="utf-8"))["Import"]
    models = [model for file in index for model in yaml.safe_load((mim / file).read_text(encoding="utf-8"))["Models"]]
    assert len(models) > 20
    for model in models:
        assert (mim / model["Config"]).is_file()
        alias = mim / "aliases" / f"{model['Name']}.py"
        assert f'_base_ = "../{model["Config"]}"' in alias.read_text(encoding="utf-8")


def test_the_package_is_that_of_the_wheel(call, installed: Path, tmp_path: Path) -> None:
    code = "from mmmim.config import folder; print(folder.project_folder(), folder.workplace(), sep='\\n')"
    assert call("-c", code).splitlines() == [str(installed / "mmmim/.mim"), str(tmp_path)]


def test_help_and_lists(call) -> None:
    assert "mmmim train mae/vit-tiny_toy" in call("-m", "mmmim", "--help")
    assert "mae/vit-b_800e" in call("-m", "mmmim", "list-models", "mae/*")


def test_tables_are_found(call) -> None:
    assert "table5" in call("-m", "mmmim", "reproduce", "ccmim", "--list")


def test_a_run_lands_in_the_current_folder(call, tmp_path: Path) -> None:
    call("-m", "mmmim", "train", "mae/vit-tiny_toy", *QUICK)
    (run,) = (tmp_path / "work_dirs/mae/vit-tiny_toy").glob("*/vis_data/config.py")
    assert run.is_file()


def test_tools_work_as_mim_calls_them(call, installed: Path, tmp_path: Path) -> None:
    tools, alias = installed / "mmmim/.mim/tools", installed / "mmmim/.mim/aliases/mae_vit-tiny_toy.py"
    assert call(str(tools / "train.py"), "-h").startswith("usage: mmmim train ")
    call(str(tools / "train.py"), str(alias), "--launcher", "none", *QUICK)
    assert (tmp_path / "work_dirs/mae/vit-tiny_toy").is_dir()


def test_projects_are_found(call) -> None:
    plan = call("-m", "mmmim", "train", "projects/convnext_encoder/simmim_toy", "--dry-run")
    assert "parameters" in plan


def test_several_processes_start_without_a_clone(call, tmp_path: Path) -> None:
    call("-m", "mmmim", "dist-train", "mae/vit-tiny_toy", "2", *QUICK, "train_dataloader.batch_size=32")
    assert (tmp_path / "work_dirs/mae/vit-tiny_toy").is_dir()


def test_a_clone_is_named_where_it_is_needed(call, tmp_path: Path) -> None:
    assert f"--page: this writes docs/results.md of a clone, and {tmp_path} is none" in call(
        "-m", "mmmim", "reproduce", "--page", status=2
    )


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel(call, tmp_path: Path) -> None:
    assert "mmmim train configs/ccmim/vit-tiny_toy.py" in call("-m", "mmmim", "demo")
    summary = json.loads((tmp_path / "work_dirs/demo/summary.json").read_text(encoding="utf-8"))
    assert summary["probe_acc_pretrained"] > summary["probe_acc_random_init"]
