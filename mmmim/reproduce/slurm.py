"""Submission of runs to Slurm: each job waits for the one it starts from."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence

from mmmim.config.folder import workplace
from mmmim.errors import UsageError
from mmmim.reproduce.command import TOOLS, Run, from_workplace
from mmmim.reproduce.runs import finished, start_record, write_record

GPUS_PER_NODE = 8


def batch_command(run: Run, partition: str, after: str | None) -> list[str]:
    """Return the ``sbatch`` command of a job that calls ``tools/slurm_*.sh``, or the tool itself on one GPU."""
    gpus = run.processes
    per_node = min(gpus, GPUS_PER_NODE)
    if run.tool in TOOLS:
        step = ["srun", *run.command()]
    else:
        words, count = run.arguments(), run.positionals
        script = f"tools/slurm_{run.tool}.sh"
        step = ["bash", script, partition, run.name, *words[:count], str(gpus), *words[count:]]
    command = ["sbatch", "--parsable", f"--partition={partition}", f"--job-name={run.name}"]
    command += [f"--gres=gpu:{per_node}", f"--ntasks={gpus}", f"--ntasks-per-node={per_node}"]
    command += [f"--output={run.folder}/slurm-%j.log", "--open-mode=append"]
    command += [] if after is None else [f"--dependency=afterok:{after}", "--kill-on-invalid-dep=yes"]
    return [*command, f"--wrap={shlex.join(from_workplace(step))}"]


def submit(runs: Sequence[Run], partition: str) -> dict[Run, str]:
    """Submit the runs that are not finished yet and return their job ids.

    Raises:
        UsageError: ``sbatch`` is missing or refuses a job; the message says which one and why.
    """
    jobs: dict[Run, str] = {}
    for run in runs:
        if finished(run):
            print(f"done before: {run.name}", flush=True)
            continue
        command = batch_command(run, partition, jobs.get(run.start) if run.start else None)
        write_record(run, start_record(run) | dict(device=f"Slurm partition {partition}"))
        print(f"submitting: {shlex.join(command)}", flush=True)
        try:
            done = subprocess.run(command, cwd=workplace(), capture_output=True, text=True, check=True)
        except FileNotFoundError as error:
            raise UsageError(
                f"--slurm {partition}: no sbatch on this machine; leave --slurm out to run here"
            ) from error
        except subprocess.CalledProcessError as error:
            raise UsageError(f"--slurm {partition}: sbatch refused {run.name}: {error.stderr.strip()}") from error
        jobs[run] = done.stdout.strip().split(";")[0]
    return jobs
