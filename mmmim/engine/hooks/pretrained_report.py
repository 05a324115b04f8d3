from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine import dump
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import CheckpointLoader, Runner, find_latest_checkpoint
from torch import Tensor, nn

from mmmim.checkpoint.names import (
    ENCODER_PREFIX,
    compare,
    differing_facts,
    listing,
    model_state,
    prefixes_of,
    stored_facts,
    strip_prefix,
    written_by,
)
from mmmim.checkpoint.reader import is_checkpoint
from mmmim.engine.internals import start_of
from mmmim.errors import UsageError
from mmmim.registry import HOOKS

REPORT_FILE = "pretrained_report.json"


@HOOKS.register_module()
class PretrainedReportHook(Hook):
    """Reports how much of a pre-trained file was loaded into the backbone, and stops a run that would start without it.

    MMEngine loads what fits and only warns about the rest, so with a forgotten ``prefix`` the backbone trains from
    random initialisation. This hook reads the file named by the backbone's ``init_cfg`` (type ``Pretrained``) again,
    compares tensor by tensor before the first iteration, and logs one line: ``loaded N/N backbone tensors``.
    The report is also written to ``<work_dir>/pretrained_report.json`` and to the message hub (``pretrained_loaded``).

    ``checkpoint=None`` means a random start, which is logged in one line. A run that resumes, or has a
    ``load_from``, does not read the file at all.

    What the pre-training run stored in ``meta['mmmim']`` is compared with the model: another number of
    heads, patch size or width is an error, another normalisation a warning.

    Args:
        strict: Whether to raise if tensors are missing, left over or of another shape; False only logs a warning.
        backbone_key: Dotted path of the backbone in the model.
        stage: The stage that the file must be of: ``ssl`` (pre-training) or ``ft`` (after supervised fine-tuning).
        stage_fix: What to do with a file of the other stage, for the error message.
    """

    priority = "VERY_LOW"

    def __init__(
        self,
        strict: bool = True,
        backbone_key: str = "backbone",
        stage: str | None = None,
        stage_fix: str = "name such a file",
    ) -> None:
        if stage not in (None, "ssl", "ft"):
            raise UsageError(f"PretrainedReportHook: stage must be 'ssl', 'ft' or None, got {stage!r}")
        self.strict = strict
        self.backbone_key = backbone_key
        self.stage, self.stage_fix = stage, stage_fix
        self.file: str | None = None
        self.state: dict[str, Tensor] = {}
        self.meta: dict[str, Any] = {}

    def before_run(self, runner: Runner) -> None:
        """Read and check the file before MMEngine initialises the weights, which it does for training only."""
        if not isinstance(runner.optim_wrapper, (OptimWrapper, OptimWrapperDict)):
            return
        backbone = self._backbone(runner.model)
        init_cfg = _pretrained(backbone)
        self.file = init_cfg.get("checkpoint")
        if source := _loaded_later(runner):
            runner.logger.info(f"the weights come from {source}, {self._where('checkpoint')}={self.file} is not read")
        elif not self.file:
            runner.logger.info(
                "no pre-trained file: the backbone starts from random initialisation; name one with "
                f"--checkpoint FILE or {self._where('checkpoint')}=FILE"
            )
        else:
            self._read(runner, backbone, init_cfg.get("prefix"))
            return
        self.file = None
        _forget_pretrained(backbone)

    def _read(self, runner: Runner, backbone: nn.Module, prefix: str | None) -> None:
        assert self.file is not None
        if "://" not in self.file and not is_checkpoint(self.file):
            raise UsageError(f"{self._where('checkpoint')}={self.file!r}: there is no such file")
        checkpoint = CheckpointLoader.load_checkpoint(self.file, map_location="cpu", logger="silent")
        everything = model_state(checkpoint)
        self.state = strip_prefix(everything, prefix)
        self.meta = stored_facts(checkpoint)
        names = list(backbone.state_dict())
        if not set(names) & set(self.state):
            raise UsageError(self._nothing_fits(everything, names, backbone, prefix))
        self._check_meta(runner, backbone)

    def before_train(self, runner: Runner) -> None:
        if self.file is None:
            return
        backbone = self._backbone(runner.model)
        report = compare(self.state, backbone)
        self.state = {}
        runner.logger.info(f"{report.line()} from {self.file}")
        runner.message_hub.update_info("pretrained_loaded", report.ratio)
        if is_main_process():
            content = {"checkpoint": self.file, "meta": self.meta, **report.to_dict()}
            dump(content, str(Path(runner.work_dir) / REPORT_FILE), indent=2)
        if report.complete:
            return
        lines = [f"{self.file} does not fit {type(backbone).__name__}: {report.line()}", *report.problems()]
        if self.meta.get("backbone", type(backbone).__name__) != type(backbone).__name__:
            lines.insert(1, f"it was written by {written_by(self.meta, backbone)}")
        lines.append("fix: give model.backbone the settings the file was trained with, or another file")
        self._complain(runner, "\n  ".join(lines))

    def _complain(self, runner: Runner, message: str) -> None:
        if self.strict:
            raise UsageError(message)
        runner.logger.warning(message)

    def _backbone(self, model: nn.Module) -> Any:
        module: Any = model.module if is_model_wrapper(model) else model
        for part in self.backbone_key.split("."):
            if not hasattr(module, part):
                raise UsageError(
                    f"PretrainedReportHook: {type(module).__name__} has no {part!r}; "
                    f"set backbone_key (now {self.backbone_key!r}) to the backbone's path in the model"
                )
            module = getattr(module, part)
        return module

    def _where(self, key: str) -> str:
        return f"model.{self.backbone_key}.init_cfg.{key}"

    def _nothing_fits(
        self, everything: dict[str, Tensor], names: list[str], backbone: nn.Module, prefix: str | None
    ) -> str:
        if places := [place for place in prefixes_of(everything, names) if place != (prefix or "")]:
            fix = f"set {self._where('prefix')}={places[0]!r} (now {prefix!r})"
        else:
            fix = f"name a checkpoint of {type(backbone).__name__}, with prefix={ENCODER_PREFIX!r}"
        return (
            f"{self.file}: no tensor fits {type(backbone).__name__} under prefix {prefix!r}\n"
            f"  the file holds {listing(list(everything))}\n"
            f"  the backbone wants {listing(names)}\n"
            f"  fix: {fix}"
        )

    def _check_meta(self, runner: Runner, backbone: Any) -> None:
        facts = backbone.describe() if hasattr(backbone, "describe") else {}
        if different := differing_facts(self.meta, facts):
            values = [f"{name} is {theirs} there, {ours} here" for name, (theirs, ours) in different.items()]
            settings = ", ".join(f"{name}={theirs}" for name, (theirs, _) in different.items())
            kind = self.meta.get("backbone", type(backbone).__name__)
            here = f"model.{self.backbone_key}"
            fix = (
                f"set {here} to {settings}"
                if kind == type(backbone).__name__
                else f"take a config with {kind} as {here}"
            )
            self._complain(
                runner,
                f"{self.file} was written by {written_by(self.meta, backbone)}: {'; '.join(values)}\n"
                f"  fix: {fix}, or name another file",
            )
        if self.stage is not None and self.meta.get("stage", self.stage) != self.stage:
            self._complain(
                runner,
                f"{self.file} is of stage {self.meta['stage']!r}, this recipe starts from {self.stage!r} "
                "(ssl: pre-training, ft: after supervised fine-tuning)\n"
                f"  fix: {self.stage_fix}; PretrainedReportHook.stage=None uses it all the same",
            )
        for difference in _normalisation_differences(runner.model, self.meta):
            runner.logger.warning(f"{self.file}: {difference}")


def _loaded_later(runner: Runner) -> str | None:
    """Return the checkpoint of ``load_from`` or ``resume``, which will replace the initial weights, or None."""
    file, resumes = start_of(runner)
    if file is not None or not resumes:
        return file
    return find_latest_checkpoint(runner.work_dir)


def _init_cfgs(backbone: Any) -> list[dict]:
    init_cfg = getattr(backbone, "init_cfg", None) or []
    return list(init_cfg) if isinstance(init_cfg, (list, tuple)) else [init_cfg]


def _pretrained(backbone: Any) -> dict:
    return next((cfg for cfg in _init_cfgs(backbone) if cfg.get("type") == "Pretrained"), {})


def _forget_pretrained(backbone: Any) -> None:
    """Remove the backbone's ``Pretrained`` initialisation, as MMEngine fails on ``checkpoint=None``."""
    backbone.init_cfg = [cfg for cfg in _init_cfgs(backbone) if cfg.get("type") != "Pretrained"]


def _normalisation_differences(model: Any, meta: dict[str, Any]) -> list[str]:
    model = model.module if is_model_wrapper(model) else model
    preprocessor = getattr(model, "data_preprocessor", None)
    differences = []
    for name in ("mean", "std"):
        ours = getattr(preprocessor, name, None)
        if ours is None or meta.get(name) is None:
            continue
        theirs = torch.tensor(meta[name], dtype=torch.float32)
        if theirs.shape != ours.flatten().shape or not torch.allclose(theirs, ours.flatten().cpu().float()):
            differences.append(
                f"pre-training used {name} {theirs.tolist()}, data_preprocessor.{name} is {ours.flatten().tolist()}"
            )
    # mmcv decodes BGR, this package's datasets are RGB.
    decodes_bgr = not type(preprocessor).__module__.startswith("mmmim.")
    if decodes_bgr and getattr(preprocessor, "_channel_conversion", None) is False and meta.get("mean"):
        differences.append("pre-training saw RGB, mmcv decodes BGR: set data_preprocessor.bgr_to_rgb=True")
    return differences
