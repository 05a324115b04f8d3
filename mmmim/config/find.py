from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmmim.config.folder import INSTALLED, configs_folder, project_folder
from mmmim.config.renamed import new_place
from mmmim.errors import UsageError, nearest

FOLDERS = ("configs", "projects")
ALIASES = INSTALLED / "aliases"  # files of the names that model-index.yml gives, for OpenMMLab's mim


def find_config(path: str) -> Path:
    """Return the file that a config's path or name stands for.

    A file of the current folder comes first, then the shipped configs: ``configs/mae/vit-tiny_toy.py``,
    ``mae/vit-tiny_toy`` and ``mae_vit-tiny_toy`` are the same one from anywhere. Where the config was renamed, this is
    its new place.

    Raises:
        UsageError: there is no such config; names the existing ones most like it.
    """
    for file in _candidates(Path(path)):
        if file.is_file():
            return file
        if (renamed := new_place(file)) is not None and renamed.is_file():
            return renamed
    known = sorted(set(_known(Path())) | set(_known(project_folder())))
    by_name = [name for name in known if Path(name).stem == Path(path).stem]
    near = list(dict.fromkeys([*nearest(path, known, 0.5), *nearest(f"configs/{path}.py", known), *by_name]))[:3]
    what = "is a folder" if Path(path).is_dir() else "does not exist"
    hint = f"; did you mean {' or '.join(near)}?" if near else f" (looked from {Path.cwd()})"
    raise UsageError(f"config {path} {what}{hint}")


def is_renamed(path: str) -> bool:
    """Return whether ``path`` is an old name of the config that it stands for."""
    return not any(file.is_file() for file in _candidates(Path(path)))


def _candidates(path: Path) -> Iterator[Path]:
    if not path.name:  # the current folder, or the root
        return
    with_suffix = path if path.suffix == ".py" else path.with_name(f"{path.name}.py")
    if path.resolve().parent == ALIASES:
        yield from _by_model_name(with_suffix.stem)
    yield from dict.fromkeys((path, with_suffix))
    if not path.is_absolute():
        yield from (project_folder() / with_suffix, configs_folder() / with_suffix)
        yield from _by_model_name(with_suffix.stem)


def _by_model_name(name: str) -> list[Path]:
    """Return the config of a name as in model-index.yml, such as ``mae_vit-tiny_toy``, if there is one."""
    files = ((config, configs_folder() / f"{config}.py") for config in config_names())
    return [file for config, file in files if f"{config.partition('/')[0]}_{file.stem}" == name]


def _known(folder: Path) -> Iterator[str]:
    for name in FOLDERS:
        yield from (file.relative_to(folder).as_posix() for file in (folder / name).rglob("*.py"))


def config_names() -> list[str]:
    """Return the names of all shipped configs, such as ``mae/vit-tiny_toy``, sorted."""
    folder = configs_folder()
    files = (file.relative_to(folder) for file in folder.rglob("*.py"))
    names = (file.with_suffix("").as_posix() for file in files if not file.parts[0].startswith("_"))
    return sorted(name for name in names if not name.endswith("/tables"))  # those of the papers


if __name__ == "__main__":  # tools/launch.sh asks whether a name is that of a config
    import sys

    try:
        find_config(sys.argv[1])
    except UsageError:
        sys.exit(2)
