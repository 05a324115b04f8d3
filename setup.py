"""Build the package: its metadata is in pyproject.toml, and configs and tools are copied into it here."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CARRIED = ("configs", "projects", "tools", "model-index.yml")
CLONE_ONLY = ("golden_losses.py", "newest.py", "portable.sh", "docs")  # tools that work on tests and pages of a clone
ALIAS = '"""By a name that is unique, as `mim train` needs it."""\n\n_base_ = "../{path}"\n'


class BuildWithConfigs(build_py):
    """Puts configs, projects, tools and model-index.yml into mmmim/.mim, where OpenMMLab's mim looks for them."""

    def run(self) -> None:
        """Copy the modules, and what belongs to them."""
        super().run()
        if not self.editable_mode:  # an editable installation uses those of the clone
            carry(Path(self.build_lib, "mmmim", ".mim"))


def carry(folder: Path) -> None:
    """Write what the package carries beside its modules into ``folder``, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    left_out = shutil.ignore_patterns("__pycache__", *CLONE_ONLY)
    for name in CARRIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=left_out)
        else:
            shutil.copy(source, folder / name)
    aliases = folder / "aliases"
    aliases.mkdir()
    for config in sorted((folder / "configs").glob("[!_]*/**/*.py")):
        if config.name != "tables.py":
            method = config.relative_to(folder / "configs").parts[0]
            text = ALIAS.format(path=config.relative_to(folder).as_posix())
            (aliases / f"{method}_{config.name}").write_text(text, encoding="utf-8")


setup(cmdclass={"build_py": BuildWithConfigs})
