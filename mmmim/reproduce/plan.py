"""Which runs give the numbers of a table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from mmengine.config import DictAction

from mmmim.engine.errors import UsageError
from mmmim.engine.run_length import run_length, use_length
from mmmim.engine.tables import CONFIGS, Evaluation, Row, Table, cfg_options, config_path
from mmmim.reproduce.toy import toy_evaluation, toy_row

ROOT = CONFIGS.parent
RUNS = Path("work_dirs/reproduce/runs")
TOOLS = ("probe", "knn")
TOY_PICTURES = 4096  # on which encoders are probed, whatever their pre-training had
CLASSIFICATION = ("ft", "ft384", "ft96", "linear", "nonlinear", "nonlinear2", "nonlinear4")


@dataclass(frozen=True)
class Run:
    """One command: a training, or a measurement of ``tools/probe.py`` or ``tools/knn.py``.

    Args:
        tool: ``train``, ``probe`` or ``knn``.
        config: Path from the root of the repository.
        options: Words after ``--cfg-options``.
        words: Further words of the command.
        start: Run whose last checkpoint this one starts from; ``untrained``: from random weights.
    """

    tool: str
    config: str
    seed: int = 0
    options: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    start: Run | None = None
    untrained: bool = False
    gpus: int = 1

    @property
    def name(self) -> str:
        """A readable part and a hash of what is run: equal runs of several tables are one."""
        path = Path(self.config).relative_to("configs").with_suffix("")
        kind = "" if self.tool == "train" else f"{self.tool}-"
        start = "" if self.start is None else self.start.name
        identity = (self.tool, self.config, self.options, self.words, start, self.untrained, self.seed)
        code = hashlib.sha1(repr(identity).encode()).hexdigest()[:8]
        return f"{path.parts[0]}_{kind}{path.name}_seed{self.seed}_{code}"

    @property
    def folder(self) -> Path:
        return RUNS / self.name

    @property
    def depth(self) -> int:
        return 0 if self.start is None else 1 + self.start.depth

    @property
    def result(self) -> Path:
        """What is there once the run has ended: its last checkpoint, or the measurement."""
        if self.tool in TOOLS:
            return self.folder / f"{self.tool}.json"
        return self.folder / last_checkpoint(self.config, self.options, self.words)

    def arguments(self) -> list[str]:
        """Arguments of the tool, config first."""
        source = str(self.start.result) if self.start is not None else "none" if self.untrained else None
        if self.tool in TOOLS:
            words = [str(source), "--seed", str(self.seed), "--out", str(self.result), *self.words]
            options = self.options
        else:
            words = ["--work-dir", str(self.folder), "--resume", "auto", *self.words]
            words += [] if source is None else ["--checkpoint", source]
            options = (f"randomness.seed={self.seed}", *self.options)
        return [self.config, *words, *(["--cfg-options", *options] if options else [])]

    def command(self) -> list[str]:
        """The whole command, to be run from the root of the repository."""
        if self.tool == "train" and self.gpus > 1:
            config, *rest = self.arguments()
            return ["bash", "tools/dist_train.sh", config, str(self.gpus), *rest]
        return ["python", f"tools/{self.tool}.py", *self.arguments()]


@cache
def last_checkpoint(config: str, options: tuple[str, ...], words: tuple[str, ...]) -> str:
    """``epoch_300.pth`` or ``iter_160000.pth``."""
    from mmmim.engine.run_options import load_config

    parsed = {key: DictAction._parse_iterable(value) for key, value in (word.split("=", 1) for word in options)}
    cfg = load_config(str(ROOT / config), parsed)
    length = {word[2:]: int(words[i + 1]) for i, word in enumerate(words) if word in ("--epochs", "--iters")}
    use_length(cfg, **length)
    key, count = run_length(cfg)
    return f"{'epoch' if key == 'max_epochs' else 'iter'}_{count}.pth"


@dataclass
class RowPlan:
    """Runs of one row; ``runs[metric]`` has one per seed, ``missing[metric]`` says why there is none."""

    row: Row
    root: list[Run] = field(default_factory=list)
    runs: dict[str, list[Run]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def all_runs(self) -> Iterator[Run]:
        for last in (*self.root, *(run for runs in self.runs.values() for run in runs)):
            chain = [last]
            while chain[-1].start is not None:
                chain.append(chain[-1].start)
            yield from reversed(chain)


@dataclass(frozen=True)
class Settings:
    """What the command line says about all runs."""

    scale: str = "full"
    seeds: int = 1
    gpus: int = 1
    extra: tuple[str, ...] = ()


def plan_table(method: str, table: Table, settings: Settings) -> list[RowPlan]:
    plans: list[RowPlan] = []
    for row in table.rows:
        plan = plan_row(method, table, row, settings)
        twin = next((other.row.name for other in plans if plan.runs and plan.runs == other.runs), None)
        if twin is not None:
            plan.remarks.append(f"the same run as {twin}")
        plans.append(plan)
    return plans


def plan_row(method: str, table: Table, row: Row, settings: Settings) -> RowPlan:
    plan = RowPlan(row)
    if row.config is None:
        return plan
    words: tuple[str, ...] = ()
    evaluations = row.evaluations()
    if settings.scale == "toy":
        mapped = toy_row(method, table, row)
        plan.remarks += mapped.remarks
        if mapped.config is None:
            plan.missing = dict.fromkeys(evaluations, "no toy version")
            return plan
        row, words = replace(row, config=mapped.config, overrides=mapped.overrides), mapped.words
        for metric, evaluation in list(evaluations.items()):
            if evaluation is not None:
                evaluations[metric] = toy_evaluation(method, mapped.config, evaluation)
                if evaluations[metric] is None:
                    plan.missing[metric] = f"no toy version of {evaluation.config}"
                    del evaluations[metric]
    for seed in range(settings.seeds):
        root = root_run(method, row, seed, words, settings)
        plan.root += [] if row.untrained else [root]
        for metric, evaluation in evaluations.items():
            try:
                run = root if evaluation is None else evaluation_run(method, row, evaluation, root, settings)
            except UsageError as error:
                plan.missing[metric] = str(error)
                continue
            plan.runs.setdefault(metric, []).append(run)
    return plan


def root_run(method: str, row: Row, seed: int, words: Sequence[str], settings: Settings) -> Run:
    """The pre-training of a row, or the row's own fine-tuning."""
    assert row.config is not None
    config = relative(config_path(method, row.config, f"row '{row.name}'"))
    options = () if row.untrained else tuple(cfg_options(row.overrides))
    run = Run("train", config, seed, options, tuple(words), untrained=row.untrained, gpus=settings.gpus)
    return run if row.untrained else with_extra(run, settings.extra)


def evaluation_run(method: str, row: Row, evaluation: Evaluation, root: Run, settings: Settings) -> Run:
    """A tool on the checkpoint of ``root``, or a training that starts from it, maybe by way of another one."""
    start = root
    if evaluation.after is not None:
        start = evaluation_run(method, row, Evaluation(evaluation.after), root, settings)
    source = None if start is root and row.untrained else start
    common = dict(seed=root.seed, start=source, untrained=source is None)
    if evaluation.config in TOOLS:
        pictures = (f"train_dataloader.dataset.num_images={TOY_PICTURES}",) if "_toy" in root.config else ()
        return Run(evaluation.config, root.config, options=pictures, **common)  # type: ignore[arg-type]
    config = relative(config_path(method, evaluation.config, f"row '{row.name}'"))
    if task_of(config) == "knn":
        return Run("knn", config, **common)  # type: ignore[arg-type]
    extra = settings.extra if task_of(config) in CLASSIFICATION else without_data(settings.extra)
    return with_extra(Run("train", config, gpus=settings.gpus, **common), extra)  # type: ignore[arg-type]


def with_extra(run: Run, extra: Sequence[str]) -> Run:
    """Extra words of the user; what follows ``--cfg-options`` joins the row's own."""
    options, words, into_options = list(run.options), list(run.words), False
    for word in extra:
        if word.startswith("--"):
            into_options = word == "--cfg-options"
        if word != "--cfg-options":
            (options if into_options else words).append(word)
    return replace(run, options=tuple(options), words=tuple(words))


def without_data(extra: Sequence[str]) -> list[str]:
    """``--data`` names the pictures of pre-training and classification; dense tasks have their own."""
    words = list(extra)
    if "--data" in words:
        at = words.index("--data")
        del words[at : at + 2]
    return words


def task_of(config: str) -> str:
    """``ft``, ``linear``, ``upernet``, ...: how the name of a downstream config begins."""
    return Path(config).stem.split("_")[0] if Path(config).parent.name == "downstream" else "pretrain"


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def unique(plans: Sequence[RowPlan]) -> list[Run]:
    """All runs, each once, in an order in which every run follows the one that it starts from."""
    runs = list(dict.fromkeys(run for plan in plans for run in plan.all_runs()))
    return sorted(runs, key=lambda run: (run.seed, run.depth))
