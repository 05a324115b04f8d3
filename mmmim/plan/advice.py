"""Recommend a training for images: a shipped config, its settings, and the commands that run and evaluate it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from mmmim.datasets.survey import Reading, Survey, reading_of
from mmmim.errors import UsageError, one_of
from mmmim.launch.options import load_config
from mmmim.launch.prepare import PreparedRun, Settings, prepare
from mmmim.launch.run_length import run_length
from mmmim.plan.options import model_options, parsed, reading_options
from mmmim.plan.rules import FEWEST, IMAGES_AT_A_TIME, METHODS, RECOMMENDED, SIZES, MethodRule, SizeRule

NO_NAME = r"[^\w.-]+"  # characters that a work directory of ours does not have


@dataclass(frozen=True)
class Machine:
    """Describes what a training would run on: devices that are no CPU, and cores that read images."""

    devices: int
    cores: int


@dataclass(frozen=True)
class Advice:
    """A recommended training.

    Attributes:
        size: The rule for the number of images.
        method: The rule of the method.
        crop, patch: In pixels.
        options: Changes to the config.
        work_dir: Folder of the run.
        recipe: The config with these options.
        settings: The other settings of the run.
        prepared: The run itself.
        reading: How the images are read.
        short_side: Median of their shorter sides.
    """

    size: SizeRule
    method: MethodRule
    crop: int
    patch: int
    options: dict[str, str]
    work_dir: str
    recipe: Config
    settings: Settings
    prepared: PreparedRun
    reading: Reading
    short_side: int

    @property
    def config(self) -> str:
        """Return the name of the shipped config."""
        return self.method.full if self.size.full else self.method.small

    @property
    def epochs(self) -> int:
        """Return the length of the run."""
        return run_length(self.prepared.cfg)[1]

    def train_command(self) -> list[str]:
        """Return the words of the command that trains."""
        processes = self.settings.processes
        door = ["python", "tools/train.py"] if processes == 1 else ["bash", "tools/dist_train.sh"]
        words = [*door, f"configs/{self.config}.py", *([str(processes)] if processes > 1 else [])]
        words += ["--data", str(self.settings.data), "--epochs", str(self.epochs)]
        if self.settings.accumulate:
            words += ["--accumulate", str(self.settings.accumulate)]
        if self.settings.amp:
            words += ["--amp", self.settings.amp]
        words += ["--work-dir", self.work_dir, "--cfg-options"]
        return words + [f"{key}={value}" for key, value in self.options.items()]

    def evaluation_commands(self, labelled: bool) -> list[list[str]]:
        """Return the words of the commands that evaluate the encoder; without labels they show neighbours."""
        data = ["--data", str(self.settings.data)]
        if not labelled:
            out = ["--out", f"{self.work_dir}/features.npz", "--picture", f"{self.work_dir}/neighbours.png"]
            return [["python", "tools/embed.py", self.work_dir, *data, *out]]
        config = f"{self.work_dir}/{Path(self.config).name}.py"  # as the run writes it, with all changes
        words = [config, self.work_dir, *data, "--random-init"]
        return [["python", f"tools/{tool}.py", *words] for tool in ("knn", "probe")]


def recommend(found: Survey, method: str | None, machine: Machine) -> Advice:
    """Return the training that the rules recommend for these images.

    Args:
        method: A name of :data:`~.rules.METHODS`; None for the recommended one.

    Raises:
        UsageError: There are too few images, or the method cannot read them.
    """
    images = len(found.train)
    if images < FEWEST:
        raise UsageError(
            f"DIR {found.location}: {images} images are too few to pre-train on ({FEWEST} at least); start from "
            "published weights with python tools/convert.py FILE --out CKPT.pth, then evaluate or fine-tune these with "
            f"--data {shlex.quote(found.location)}; docs/your_data.md has the commands"
        )
    chosen = method_rule(method or RECOMMENDED)
    reading = reading_of(found.train.images)
    if chosen.colours_only and reading.channels != 3:
        able = ", ".join(rule.name for rule in METHODS if not rule.colours_only)
        raise UsageError(
            f"--method {chosen.name}: needs RGB, and these images have {reading.channels} channels; use one of {able}"
        )
    return _advice(size_rule(images), chosen, reading, found.short_side(), found.location, machine)


def size_rule(images: int) -> SizeRule:
    """Return the rule for so many images."""
    return next(rule for rule in SIZES if rule.below is None or images < rule.below)


def method_rule(name: str) -> MethodRule:
    """Return the rule of a method."""
    one_of("--method", name, [rule.name for rule in METHODS])
    return next(rule for rule in METHODS if rule.name == name)


def crop_for(size: SizeRule, short_side: int) -> tuple[int, int]:
    """Return the pixels of the largest crop that images with this short side fill, and of its patches."""
    return next((pair for pair in size.crops if pair[0] <= short_side), size.crops[-1])


def _advice(
    size: SizeRule, method: MethodRule, reading: Reading, short_side: int, data: str, machine: Machine
) -> Advice:
    crop, patch = crop_for(size, short_side)
    config = method.full if size.full else method.small
    options = model_options(size, method, crop, patch) | reading_options(reading)
    recipe = load_config(config, own_images=True)
    batch = size.batch or int(recipe.auto_scale_lr.recipe_batch_size)
    processes = max(1, machine.devices)
    step = min(batch // processes, IMAGES_AT_A_TIME) if size.full else max(1, batch // processes)
    options["train_dataloader.batch_size"] = str(step)
    options["auto_scale_lr.recipe_batch_size"] = str(batch)
    if recipe.train_dataloader.num_workers > machine.cores:
        options["train_dataloader.num_workers"] = str(machine.cores)
    if size.base_lr is not None and method.mae_lr:
        options["optim_wrapper.optimizer.lr"] = f"{size.base_lr:g}"
    accumulate = batch // (step * processes)
    settings = Settings(
        data=data,
        epochs=size.epochs or run_length(recipe)[1],
        accumulate=accumulate if accumulate > 1 else None,
        amp="bf16" if machine.devices and not size.full else None,
        processes=processes,
        planned=True,
    )
    work_dir = f"work_dirs/{method.name}_{re.sub(NO_NAME, '_', Path(data).resolve().name)}"
    cfg = load_config(config, parsed(options), work_dir, own_images=True)
    prepared = prepare(cfg, settings)
    return Advice(size, method, crop, patch, options, work_dir, cfg, settings, prepared, reading, short_side)
