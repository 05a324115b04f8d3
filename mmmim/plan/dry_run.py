"""Build everything that a run needs without training, and describe the run."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import HOOKS, LOG_PROCESSORS, METRICS, PARAM_SCHEDULERS, VISUALIZERS, init_default_scope
from mmengine.runner import Runner
from torch import nn

from mmmim.config.crops import crop_size
from mmmim.engine.loops.epoch import check_batches, without_empty_schedulers
from mmmim.launch.building import building
from mmmim.launch.data_paths import missing_paths
from mmmim.launch.lr_scaling import optim_wrappers, schedulers
from mmmim.launch.prepare import PreparedRun
from mmmim.launch.schedule import Schedule
from mmmim.plan.memory import StepMemory, build_without_storage, step_memory
from mmmim.plan.sharding import ShardingPlan, plan_sharding

UNKNOWN_STEPS = 1_000_000  # steps assumed per epoch if the data is missing: no part of a schedule is below one step
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


@dataclass
class DataReport:
    """Holds what is known about the images of one dataloader."""

    images: int | None = None
    sample_shape: tuple[int, ...] | None = None
    remarks: list[str] = field(default_factory=list)


@dataclass
class DryRun:
    """The run that a config describes; if ``sharding`` divides the model, ``memory`` is the share of a process."""

    prepared: PreparedRun
    warnings: list[str]
    schedule: Schedule
    data: dict[str, DataReport]
    model: nn.Module
    memory: StepMemory
    unsharded: StepMemory
    sharding: ShardingPlan | None
    hooks: list[str]
    backbone: str

    def trainable(self, prefix: str = "") -> int:
        """Return the number of trainable parameters whose names begin with ``prefix``."""
        named = self.model.named_parameters()
        return sum(p.numel() for name, p in named if p.requires_grad and name.startswith(prefix))

    @property
    def frozen(self) -> int:
        """Return the number of frozen parameters."""
        return sum(p.numel() for p in self.model.parameters() if not p.requires_grad)


def dry_run(prepared: PreparedRun) -> DryRun:
    """Build model, optimizer, schedules, hooks, metrics and the datasets whose files exist, and describe the run."""
    cfg, batch = prepared.cfg, prepared.batch
    MMLogger.get_instance("dry_run", log_level="ERROR")  # hides what the parts log while they are built
    init_default_scope(cfg.get("default_scope") or "mmengine")
    _build_log_processor(cfg)
    data = {loader: data_report(cfg, loader) for loader in LOADERS if cfg.get(loader)}
    train = data["train_dataloader"]
    schedule = prepared.schedule(train.images)
    if schedule.steps_per_epoch is not None:
        per_process = -(-(train.images or 0) // batch.processes)
        check_batches(schedule.steps_per_epoch, per_process, batch.per_process)
    with building("model"):
        model = build_without_storage(cfg)
    with building("optim_wrapper"):
        build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    shape = train.sample_shape or image_shape(model, cfg)
    unsharded = step_memory(model, cfg, batch.per_process, shape, prepared.precision)
    sharding = plan_sharding(model, cfg.get("model_wrapper_cfg"), batch.processes)
    memory = unsharded if sharding is None else sharding.divide(unsharded)
    _build_schedulers(cfg, schedule)
    warnings = prepared.remarks_on(train.images)
    return DryRun(
        prepared, warnings, schedule, data, model, memory, unsharded, sharding, _build_hooks(cfg), _encoder(cfg)
    )


def _encoder(cfg: Config) -> str:
    """Return the type of the backbone, or ``none`` for the training of a tokenizer."""
    return str((cfg.model.get("backbone") or dict(type="none")).get("type"))


def data_report(cfg: Config, loader: str) -> DataReport:
    """Return the number and shape of a dataloader's images, and remarks on files that are missing."""
    report = DataReport()
    for path in dict.fromkeys(missing_paths(cfg, loader).values()):
        report.remarks.append(f"{path} is missing")
    if not report.remarks:
        try:
            with building("dataloader"):
                dataset: Any = Runner.build_dataloader(copy.deepcopy(cfg[loader]), seed=0).dataset
            report.images = len(dataset)
            sample = dataset[0]["inputs"]
            report.sample_shape = tuple(sample.shape) if isinstance(sample, torch.Tensor) else None
        except OSError as error:  # the data cannot be read here, but perhaps on another machine
            report.remarks.append(f"{type(error).__name__}: {error}")
    if report.images is None and loader == "train_dataloader" and cfg.get("assumed_num_images"):
        report.images = int(cfg.assumed_num_images)
        report.remarks.append(f"{report.images:,} images assumed (assumed_num_images)")
    return report


def image_shape(model: nn.Module, cfg: Config) -> tuple[int, ...] | None:
    """Return the shape of the data's crops, or the backbone's; None for detection, whose images have several sizes."""
    backbone = getattr(model, "backbone", None)
    size = crop_size(cfg, getattr(backbone, "img_size", None))
    if size is None or cfg.get("default_scope") == "mmdet":
        return None
    return int(getattr(backbone, "in_channels", 3)), *size


def _build_schedulers(cfg: Config, schedule: Schedule) -> None:
    """Build the schedulers for an optimizer of one weight, as schedulers only read its groups."""
    weight = nn.Parameter(torch.zeros(1))
    steps = schedule.steps_per_epoch or UNKNOWN_STEPS
    built = without_empty_schedulers(list(schedulers(cfg.get("param_scheduler"))), steps)
    for (_, wrapper), scheduler in ((w, s) for w in optim_wrappers(cfg) for s in built):
        optimizer = torch.optim.SGD([weight], lr=wrapper["optimizer"]["lr"], momentum=0.9)
        end = schedule.epochs if scheduler.get("by_epoch", True) else schedule.iterations
        defaults: dict[str, Any] = dict(optimizer=optimizer, epoch_length=steps)
        if end is not None:
            defaults["end"] = int(end)
        with building("param_scheduler"):
            PARAM_SCHEDULERS.build(copy.deepcopy(scheduler), default_args=defaults)


def _build_log_processor(cfg: Config) -> None:
    if (processor := cfg.get("log_processor")) is not None:
        with building("log_processor"):
            LOG_PROCESSORS.build({"type": "LogProcessor", **copy.deepcopy(processor)})


def _build_hooks(cfg: Config) -> list[str]:
    """Return the names of the hooks, after building the visualizer, which hooks of the dense tasks ask for."""
    visualizer = dict(copy.deepcopy(cfg.get("visualizer")) or {})
    with building("visualizer"):  # it writes no file before something is drawn
        VISUALIZERS.build({"type": "Visualizer", "name": "dry_run", "save_dir": cfg.get("work_dir"), **visualizer})
    for evaluator in ("val_evaluator", "test_evaluator"):
        for metric in _metrics(cfg.get(evaluator)):
            if not missing_paths(cfg, evaluator.replace("evaluator", "dataloader")):
                with building("evaluator"):
                    METRICS.build(copy.deepcopy(metric))
    settings = [*(cfg.get("default_hooks") or {}).values(), *(cfg.get("custom_hooks") or [])]
    with building("default_hooks, custom_hooks"):
        return [type(HOOKS.build(_without_priority(hook))).__name__ for hook in settings if hook is not None]


def _without_priority(hook: dict[str, Any]) -> dict[str, Any]:
    return {key: copy.deepcopy(value) for key, value in hook.items() if key != "priority"}


def _metrics(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from _metrics(part)
    elif isinstance(node, dict) and "metrics" in node:
        yield from _metrics(node["metrics"])
    elif isinstance(node, dict):
        yield node
