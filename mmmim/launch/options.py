"""Apply the command-line options of ``tools/train.py`` and ``tools/test.py`` to a config."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from mmmim.checkpoint.files import newest_good_checkpoint
from mmmim.checkpoint.reader import is_checkpoint
from mmmim.config.check import check_config
from mmmim.config.extras import check_extra
from mmmim.config.find import find_config, is_renamed
from mmmim.config.folder import find_own_modules
from mmmim.config.keys import check_options
from mmmim.errors import UsageError, nearest, one_of
from mmmim.launch.lr_scaling import optim_wrappers
from mmmim.launch.pretrained_head import check_head

REMOTE = ("http://", "https://", "s3://", "torchvision://", "open-mmlab://", "petrel://")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def load_config(
    path: str, options: dict[str, Any] | None = None, work_dir: str | None = None, own_images: bool = False
) -> Config:
    """Return the config with ``--cfg-options`` merged in, checked for misspelt types and keys, with a work directory.

    ``custom_imports`` find modules below the current directory, such as ``projects.my_method``, and the shipped ones.

    Args:
        own_images: Whether ``--data`` will replace the images; the options may then set arguments of ``ImageFolder``.

    Raises:
        UsageError: There is no such config, an option leads to nothing, or ``check_config`` finds a problem.
    """
    from mmmim import compat

    compat.setup()
    find_own_modules()
    file = find_config(path)
    named = file
    if is_renamed(path):
        named = Path(path)  # whose run an earlier release may have begun
        print_log(f"config {path} is now {file}; its old name goes with the next release", level=logging.WARNING)
    cfg = Config.fromfile(file)
    check_extra(cfg)
    if own_images:
        from mmmim.datasets.data_option import as_folders

        cfg = as_folders(cfg)
    try:
        remarks = check_options(cfg, options or {})
    except UsageError as error:
        raise UsageError(f"{error}{' (with --data the dataset is an ImageFolder)' if own_images else ''}") from None
    for remark in remarks:
        print_log(remark, level=logging.WARNING)
    cfg.merge_from_dict(options or {})
    check_config(cfg)
    if isinstance(level := cfg.get("log_level") or "INFO", str):
        one_of("log_level", level, LOG_LEVELS)
    cfg.work_dir = work_dir or cfg.get("work_dir") or str(default_work_dir(named))
    return cfg


def default_work_dir(config: Path) -> Path:
    """Return ``work_dirs/ccmim/vit-b_800e`` for ``configs/ccmim/vit-b_800e.py``, or the name outside ``configs``."""
    parts = config.with_suffix("").parts
    if "configs" in parts:
        last = len(parts) - 1 - parts[::-1].index("configs")
        return Path("work_dirs", *parts[last + 1 :])
    return Path("work_dirs", config.stem)


def use_data(cfg: Config, folder: str | None) -> Config:
    """Return ``cfg`` with a folder of images in place of its data, or unchanged if ``folder`` is None."""
    if folder is None:
        return cfg
    from mmmim.datasets.data_option import use_folder

    return use_folder(cfg, folder)


def checkpoint_slot(cfg: Config, part: str = "backbone") -> dict[str, Any] | None:
    """Return ``model.backbone.init_cfg``, or that of another part, if it loads pre-trained weights, else None."""
    init = ((cfg.get("model") or {}).get(part) or {}).get("init_cfg")
    for candidate in init if isinstance(init, (list, tuple)) else [init]:
        if isinstance(candidate, dict) and str(candidate.get("type")).rpartition(".")[2] in (
            "Pretrained",
            "PretrainedInit",
        ):
            return candidate
    return None


def use_checkpoint(cfg: Config, checkpoint: str | None) -> None:
    """Start the backbone from ``checkpoint``, and the head if the config loads one; ``none`` gives random weights.

    Raises:
        UsageError: There is no such file; the config loads no backbone; it loads one, but no checkpoint was given; or
            it loads a head that the file does not contain.
    """
    slot = checkpoint_slot(cfg)
    if slot is None:
        if checkpoint not in (None, "none"):
            raise UsageError(
                f"--checkpoint {checkpoint}: this config loads no pre-trained backbone (model.backbone.init_cfg has no "
                "type='Pretrained'); to continue a run use --resume, to start a whole model from weights "
                "--cfg-options load_from=CKPT"
            )
        return
    if checkpoint == "none" or (checkpoint is None and slot.get("checkpoint") is None and cfg.get("load_from")):
        _drop_slots(cfg)  # with load_from the weights of the whole model replace what it would load
        return
    if checkpoint is not None:
        slot["checkpoint"] = existing_checkpoint(checkpoint, "--checkpoint")
    elif slot.get("checkpoint") is None:
        raise UsageError(
            "this config starts from a pre-trained backbone: give --checkpoint CKPT, "
            "or --checkpoint none for random weights"
        )
    else:
        existing_checkpoint(slot["checkpoint"], "model.backbone.init_cfg.checkpoint")
    if (head_slot := checkpoint_slot(cfg, "head")) is not None:
        head_slot["checkpoint"] = slot["checkpoint"]
        check_head(cfg, head_slot)


def _drop_slots(cfg: Config) -> None:
    for part in ("backbone", "head"):
        if (slot := checkpoint_slot(cfg, part)) is not None:
            init = cfg.model[part].init_cfg
            cfg.model[part].init_cfg = None if init is slot else [each for each in init if each is not slot]


def existing_checkpoint(path: str, given_by: str) -> str:
    """Return ``path``, or raise a UsageError that names the option and checkpoints that do exist."""
    file = Path(path)
    if path.startswith(REMOTE) or is_checkpoint(file):
        return path
    folder = file if file.is_dir() else file.parent
    near = [str(p) for p in sorted(folder.glob("*.pth"))] if folder.is_dir() else []
    near = nearest(path, near) or near[-3:]
    what = "is a folder" if file.is_dir() else "does not exist"
    hint = f"; there is {', '.join(near)}" if near else f" (looked from {Path.cwd()})"
    raise UsageError(f"{given_by} {path}: checkpoint {what}{hint}")


def use_resume(cfg: Config, resume: str | None) -> None:
    """Continue a run: ``latest`` needs a checkpoint in the work directory, ``auto`` uses one if there is one.

    Raises:
        UsageError: There is nothing to resume from; the message says where it looked.
    """
    if resume is None:
        return
    if resume in ("latest", "auto"):
        found = newest_good_checkpoint(cfg.work_dir)
        if found is None and resume == "auto":
            print_log(f"--resume auto: no checkpoint in {cfg.work_dir}, so the run starts from its beginning")
            return
        if found is None:
            folder = Path(cfg.work_dir)
            state = "holds no *.pth and no valid last_checkpoint" if folder.is_dir() else "does not exist"
            raise UsageError(
                f"--resume: no checkpoint to continue from: {folder.resolve()} {state}; give --resume CKPT, the run's "
                "--work-dir, or --resume auto to start anew where there is none"
            )
        resume = str(found)
    cfg.load_from = existing_checkpoint(resume, "--resume")
    cfg.resume = True


def use_accumulation(cfg: Config, steps: int | None) -> None:
    """Accumulate the gradients of so many ``steps`` per optimizer update; None leaves the config's number."""
    if steps is None:
        return
    if steps < 1:
        raise UsageError(f"--accumulate {steps}: at least 1 step per update")
    for _, wrapper in optim_wrappers(cfg):
        wrapper["accumulative_counts"] = steps


def use_compilation(cfg: Config, compiles: bool) -> None:
    """Compile the blocks of the model before the training starts, if ``compiles`` is set."""
    if compiles:
        cfg.default_hooks = {**(cfg.get("default_hooks") or {}), "compile": dict(type="mmmim.CompileBlocksHook")}
