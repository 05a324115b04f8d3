from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmmim.models.tokenizers import Tokenizer
from mmmim.plan.dry_run import DataReport, DryRun
from mmmim.plan.sharding import recomputed_blocks

MIB = 2**20


def describe(run: DryRun) -> str:
    """Return the table that ``--dry-run`` prints."""
    prepared, schedule, memory = run.prepared, run.schedule, run.memory
    batch = prepared.batch
    iterations = _count(schedule.iterations)
    if schedule.updates != schedule.iterations:
        iterations += f" ({_count(schedule.updates)} optimizer updates)"
    epochs = "unknown" if schedule.epochs is None else f"{schedule.epochs:.4g}"
    encoder, trainable = run.trainable("backbone."), run.trainable()
    rows = [
        ("method", type(run.model).__name__),
        ("backbone", run.backbone),
        ("processes", str(batch.processes)),
        ("effective batch", str(batch.effective)),
        *(("learning rate", line) for line in prepared.arithmetic),
        ("epochs", epochs),
        ("steps per epoch", _count(schedule.steps_per_epoch)),
        ("total iterations", iterations),
        ("warm-up", f"{_count(schedule.warmup_iterations)} iterations"),
        ("trainable", f"{trainable:,} parameters: encoder {encoder:,}, rest {trainable - encoder:,}"),
        ("frozen", f"{run.frozen:,} parameters"),
        *(("tokenizer", line) for line in _tokenizers(run)),
        *_sharding_rows(run),
        ("memory", f"{_mib(memory.total)} per process before temporary buffers and allocator reserve"),
        ("  parameters", f"{_mib(memory.parameters)} with buffers; gradients {_mib(memory.gradients)}"),
        ("  optimizer", f"{_mib(memory.optimizer)} of state after one update"),
        ("  activations", f"{_mib(memory.activations)} ({memory.counted})"),
        *((name, _data_line(report)) for name, report in run.data.items()),
        ("hooks", ", ".join(run.hooks)),
        ("work directory", f"{prepared.cfg.work_dir} (not written to)"),
    ]
    if (plan := run.sharding) is not None:
        gathered = (
            f"{_mib(2 * plan.root + 3 * plan.largest_unit)} more: root and unit with their gradients, the next unit"
        )
        start = f"{_mib(plan.start)} at most per process; the first process' host holds the {_mib(plan.whole)} whole"
        rows[-len(run.data) - 2 : -len(run.data) - 2] = [("  gathered", gathered), ("  start-up", start)]
    elif batch.processes > 1:
        rows.insert(-len(run.data) - 2, ("  buckets", f"{_mib(memory.gradients)} more for gradient exchange"))
    width = max(len(name) for name, _ in rows)
    lines = [f"Dry run of {prepared.cfg.filename}: everything is built, nothing is trained."]
    lines += [f"  {name:{width}}  {text}" for name, text in rows]
    return "\n".join(lines + [f"warning: {warning}" for warning in run.warnings])


def _tokenizers(run: DryRun) -> Iterator[str]:
    for module in run.model.modules():
        if isinstance(module, Tokenizer):
            file = module.checkpoint
            there = file is not None and Path(file).exists()
            name = Path(file).name if there and file else f"{file} is missing: a run would stop at its start"
            yield f"{type(module).__name__}, {module.num_codes:,} codes: {name}"


def _sharding_rows(run: DryRun) -> Iterator[tuple[str, str]]:
    if (plan := run.sharding) is not None:
        units = ", ".join(f"{count} units {name}" for name, count in plan.units.items())
        yield (
            "sharding",
            f"FSDP over {plan.processes} processes: {units} + root; largest unit {_mib(plan.largest_unit)}",
        )
        yield (
            "",
            (
                f"per process: parameters {_mib(plan.whole)} -> {_mib(plan.share)}, gradients "
                f"{_mib(plan.whole_trainable)} -> {_mib(plan.share_trainable)}, "
                f"optimizer {_mib(run.unsharded.optimizer)} -> {_mib(run.memory.optimizer)}"
            ),
        )
    for part, blocks in recomputed_blocks(run.model).items():
        yield "recompute", f"activation checkpointing of {blocks} blocks ({part}.with_cp)"


def _count(number: int | None) -> str:
    return "unknown (needs the data)" if number is None else f"{number:,}"


def _mib(size: int | None) -> str:
    return "unknown" if size is None else f"{size / MIB:,.0f} MiB"


def _data_line(report: DataReport) -> str:
    found = (
        [] if report.images is None or any("assumed" in r for r in report.remarks) else [f"{report.images:,} images"]
    )
    shape = [f"sample {'x'.join(map(str, report.sample_shape))}"] if report.sample_shape else []
    return "; ".join(found + shape + report.remarks)
