from __future__ import annotations

from importlib import import_module

from mmengine.config import Config

from mmmim.errors import UsageError

EXTRAS = {"mmseg": "seg", "mmdet": "det"}  # package -> the extra of mmmim that installs it


def check_extra(cfg: Config) -> None:
    """Refuse a config of MMSegmentation or MMDetection where the package is missing.

    Raises:
        UsageError: The package of the config's ``default_scope`` cannot be imported; names the extra to install.
    """
    package = cfg.get("default_scope")
    if package not in EXTRAS:
        return
    try:
        import_module(package)
    except ImportError as error:
        why = "is not installed" if error.name == package else f"cannot be imported ({error}; see tools/doctor.py)"
        raise UsageError(
            f"config {cfg.filename} needs {package}, which {why}: pip install 'mmmim[{EXTRAS[package]}]'"
        ) from None
