"""Submission with an ``sbatch`` that notes its arguments and counts jobs."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from mmmim.reproduce.command import Run

SBATCH = """#!/usr/bin/env bash
printf '%q ' "$@" >> "$JOBS"; echo >> "$JOBS"
echo "$(wc -l < "$JOBS");cluster"
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sbatch").write_text(SBATCH, encoding="utf-8")
    (tmp_path / "bin/sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("JOBS", str(tmp_path / "jobs"))
    return tmp_path / "jobs"


def submitted(jobs: Path) -> list[list[str]]:
    return [shlex.split(line) for line in jobs.read_text(encoding="utf-8").splitlines()]


WORDS = ["simmim", "table12", "--row", "swin-b", "--gpus", "16", "--slurm", "gpu"]


def test_every_job_waits_for_the_one_that_it_starts_from(reproduce, ran: list[Run], jobs: Path) -> None:
    assert reproduce(WORDS) == 0
    assert not ran
    pretrain, *later = (job for job in submitted(jobs) if "lr=3e-4" not in job[-1])
    assert not any(word.startswith("--dependency") for word in pretrain)
    assert {"--partition=gpu", "--gres=gpu:8", "--ntasks=16", "--ntasks-per-node=8"} <= set(pretrain)
    step = shlex.split(pretrain[-1].removeprefix("--wrap="))
    assert step[:3] == ["bash", "tools/slurm_train.sh", "gpu"]
    assert step[4:6] == ["configs/simmim/swin-b_800e.py", "16"]
    steps = {
        (Path(word[1]).stem, Path(word[4]).stem): word
        for job in later
        for word in [shlex.split(job[-1].removeprefix("--wrap="))]
    }
    after = dict(zip(steps, (next(w for w in job if w.startswith("--dependency")) for job in later), strict=True))
    number = {shlex.split(job[-1].removeprefix("--wrap="))[3]: at for at, job in enumerate(submitted(jobs), start=1)}
    upernet = steps["slurm_train", "upernet_swin-b_80k_ade20k"]
    finetune = steps["slurm_train", "ft_swin-b_224_100e_in1k"]
    assert after == {
        ("slurm_train", "ft_swin-b_224_100e_in1k"): "--dependency=afterok:1",
        ("slurm_train", "mask-rcnn_swin-b_lsj_3x_coco"): "--dependency=afterok:1",
        ("slurm_train", "upernet_swin-b_80k_ade20k"): f"--dependency=afterok:{number[finetune[3]]}",
        ("slurm_test", "upernet_swin-b_80k_ade20k"): f"--dependency=afterok:{number[upernet[3]]}",
    }
    assert finetune[5] == "16" and upernet[5] == "8"  # 32 images, 4 of each process


def test_finished_runs_are_not_submitted_again(reproduce, ran: list[Run], jobs: Path, tmp_path: Path) -> None:
    words = ["ccmim", "table5", "--scale", "toy", "--row", "random-400e", "--out", str(tmp_path)]
    assert reproduce(words) == 0
    assert reproduce([*words, "--slurm", "gpu"]) == 0
    assert not jobs.exists()


def test_without_sbatch_the_error_says_so(reproduce, ran: list[Run], monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert reproduce(WORDS) == 2
    assert "--slurm gpu: no sbatch on this machine" in capsys.readouterr().err


def test_a_refused_job_is_named(reproduce, ran: list[Run], jobs: Path, capsys) -> None:
    (jobs.parent / "bin/sbatch").write_text("#!/bin/sh\necho 'invalid partition' >&2\nexit 1\n", encoding="utf-8")
    assert reproduce(WORDS) == 2
    assert "sbatch refused simmim_swin-b_800e" in (err := capsys.readouterr().err) and "invalid partition" in err
