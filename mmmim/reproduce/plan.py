"""The runs that give the numbers of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmmim.config.folder import project_folder
from mmmim.errors import UsageError
from mmmim.launch.lr_scaling import short
from mmmim.reproduce.command import TOOLS, Run
from mmmim.reproduce.layout import config_lr
from mmmim.reproduce.recipes import told_by
from mmmim.reproduce.tables import Count, Evaluation, Row, Table, cfg_options, config_path
from mmmim.reproduce.toy import toy_evaluation, toy_row

TOY_PICTURES = 4096  # number of images on which encoders are probed, however many they were pre-trained on
CLASSIFICATION = ("finetune", "probe")


@dataclass
class RowPlan:
    """The runs of one row.

    ``runs[metric]`` has one run per seed, or one per seed and learning rate where the best one counts;
    ``missing[metric]`` says why there is none. ``root`` is the pre-training where an evaluation starts from it.
    ``counts[metric]`` is computed from a config.
    """

    row: Row
    root: list[Run] = field(default_factory=list)
    runs: dict[str, list[Run]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    counts: dict[str, Count] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def all_runs(self) -> Iterator[Run]:
        """Yield all runs of the row and those that they start from, with repetitions."""
        for last in (*self.root, *(run for runs in self.runs.values() for run in runs)):
            yield from last.chain


@dataclass(frozen=True)
class Settings:
    """The settings of the command line that concern all runs."""

    scale: str = "full"
    seeds: int = 1
    gpus: int = 1
    extra: tuple[str, ...] = ()


def plan_table(method: str, table: Table, settings: Settings) -> list[RowPlan]:
    """Return the plans of all rows, each with a remark where its runs are those of an earlier row."""
    plans: list[RowPlan] = []
    for row in table.rows:
        plan = plan_row(method, table, row, settings)
        twin = next((other.row.name for other in plans if plan.runs and plan.runs == other.runs), None)
        if twin is not None:
            plan.remarks.append(f"the same run as {twin}")
        plans.append(plan)
    return plans


def plan_row(method: str, table: Table, row: Row, settings: Settings) -> RowPlan:
    """Return the runs and counted numbers of one row, at the scale of the settings."""
    plan = RowPlan(row)
    if row.config is None:
        return plan
    words: tuple[str, ...] = ()
    evaluations = row.evaluations()
    if settings.scale == "full":
        plan.counts = row.counts()
    else:
        mapped = toy_row(method, table, row)
        plan.remarks += mapped.remarks
        if mapped.config is None:
            plan.missing = dict.fromkeys(evaluations, "no toy version")
            return plan
        row, words = replace(row, config=mapped.config, overrides=mapped.overrides, before=mapped.before), mapped.words
        for metric, evaluation in list(evaluations.items()):
            if evaluation is not None:
                evaluations[metric] = toy_evaluation(method, evaluation)
                if evaluations[metric] is None:
                    plan.missing[metric] = f"no toy version of {evaluation.config}"
                    del evaluations[metric]
    for metric, evaluation in evaluations.items():
        if evaluation is not None and evaluation.lrs:
            plan.remarks.append(f"{metric}: the best of lr {', '.join(short(lr) for lr in evaluation.lrs)}")
    for seed in range(settings.seeds):
        root = root_run(method, row, seed, words, settings)
        for metric, evaluation in evaluations.items():
            try:
                runs = [root] if evaluation is None else evaluation_runs(method, row, evaluation, root, settings)
            except UsageError as error:
                plan.missing[metric] = str(error)
                continue
            plan.runs.setdefault(metric, []).extend(runs)
        if any(root in run.chain for runs in plan.runs.values() for run in runs):
            plan.root.append(root)
    return plan


def root_run(method: str, row: Row, seed: int, words: Sequence[str], settings: Settings) -> Run:
    """Return the pre-training of a row, or the row's own fine-tuning."""
    assert row.config is not None
    config = relative(config_path(method, row.config, f"row '{row.name}'"))
    options = () if row.untrained else tuple(cfg_options(row.overrides))
    run = Run("train", config, seed, options, tuple(words), untrained=row.untrained, gpus=settings.gpus)
    if row.untrained:
        return run
    run = with_extra(run, settings.extra)
    if row.before is None:
        return run
    key, earlier = row.before
    first = Run("train", relative(config_path(method, earlier, f"row '{row.name}'")), seed, gpus=settings.gpus)
    return replace(run, start=with_extra(first, settings.extra), start_key=key)


def evaluation_runs(method: str, row: Row, evaluation: Evaluation, root: Run, settings: Settings) -> list[Run]:
    """Return the runs that end in a number.

    Each is a tool or a training on the checkpoint of ``root``, or a test of what was trained.
    """
    start = root
    if evaluation.after is not None:
        (start,) = evaluation_runs(method, row, Evaluation(evaluation.after), root, settings)
    source = None if start is root and row.untrained else start
    common = dict(seed=root.seed, start=source, untrained=source is None)
    options = tuple(cfg_options(dict(evaluation.overrides)))
    if evaluation.config in TOOLS:
        toy = told_by(root.config).scale == "toy"
        pictures = (f"train_dataloader.dataset.num_images={TOY_PICTURES}",) if toy else ()
        measured = Run(evaluation.config, root.config, options=(*pictures, *options), **common)  # type: ignore[arg-type]
        return [replace(measured, words=only_data(settings.extra))]
    config = relative(config_path(method, evaluation.config, f"row '{row.name}'"))
    task = told_by(config).task
    if task == "knn":
        return [Run("knn", config, options=options, words=only_data(settings.extra), **common)]  # type: ignore[arg-type]
    extra = settings.extra if task in CLASSIFICATION else without_data(settings.extra)
    trained = Run("train", config, options=options, gpus=settings.gpus, **common)  # type: ignore[arg-type]
    run = with_extra(trained, extra)
    runs = [with_lr(run, lr) for lr in evaluation.lrs] or [run]
    return [multi_scale_test(each) for each in runs] if evaluation.multi_scale else runs


def with_lr(run: Run, lr: float) -> Run:
    """Return the same run with another lr than its config's."""
    if lr == config_lr(run.config):
        return run
    return replace(run, options=(*run.options, f"optim_wrapper.optimizer.lr={short(lr)}"))


def multi_scale_test(trained: Run) -> Run:
    """Return a test of the last checkpoint with test-time augmentation and the options of the training."""
    return Run("test", trained.config, trained.seed, trained.options, ("--tta",), start=trained, gpus=trained.gpus)


def with_extra(run: Run, extra: Sequence[str]) -> Run:
    """Add the user's words to the run; those after ``--cfg-options`` join the row's own options."""
    options, words, into_options = list(run.options), list(run.words), False
    for word in extra:
        if word.startswith("--"):
            into_options = word == "--cfg-options"
        if word != "--cfg-options":
            (options if into_options else words).append(word)
    return replace(run, options=tuple(options), words=tuple(words))


def only_data(extra: Sequence[str]) -> tuple[str, ...]:
    """Return ``--data DIR``, the only words of a training that measurements on frozen features take."""
    words = list(extra)
    at = words.index("--data") if "--data" in words else len(words)
    return tuple(words[at : at + 2])


def without_data(extra: Sequence[str]) -> list[str]:
    """Drop ``--data``, which names the images of pre-training and classification; dense tasks have their own."""
    words = list(extra)
    if "--data" in words:
        at = words.index("--data")
        del words[at : at + 2]
    return words


def relative(path: Path) -> str:
    """Return a path relative to the root of the repository."""
    return str(path.relative_to(project_folder()))


def unique(plans: Sequence[RowPlan]) -> list[Run]:
    """Return all runs, each once, ordered such that every run comes after the one it starts from."""
    runs = list(dict.fromkeys(run for plan in plans for run in plan.all_runs()))
    return sorted(runs, key=lambda run: (run.seed, len(run.chain)))
