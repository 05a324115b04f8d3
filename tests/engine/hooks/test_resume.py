"""What a resumed run does otherwise than its checkpoint: changed settings, a missed validation, nothing at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from changed_run import longer, run
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from tiny_run import tiny_config

from mmmim.errors import UsageError

SAVING = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 4}


@pytest.mark.parametrize("content", [dict(state_dict={}), dict(weight=torch.ones(2)), [1], b"no checkpoint"])
def test_a_file_that_no_run_can_go_on_from_is_refused(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(content) if isinstance(content, bytes) else torch.save(content, file)
    with pytest.raises(UsageError, match=r"weights.pth(?: has no|: 13 bytes, incomplete, damaged or no PyTorch file)"):
        run(tmp_path, resume=True, load_from=str(file))


def test_a_finished_run_says_so(tmp_path: Path, capfd) -> None:
    run(tmp_path, **{"default_hooks.checkpoint.save_last": True})
    assert run(tmp_path, resume=True) == []
    assert "this run is finished: " in (said := capfd.readouterr().out)
    assert "iter_18.pth is of iteration 18 of 18, nothing is left to train" in said
    assert len(run(tmp_path, **longer(4), resume=True)) == 6


class Interrupted(BaseMetric):
    """Its validations give the next of ``scores``; ``None`` kills the run."""

    scores: list[float | None]

    def process(self, data_batch, data_samples) -> None:
        if Interrupted.scores[0] is None:
            Interrupted.scores.pop(0)
            raise KeyboardInterrupt
        self.results.append(0)

    def compute_metrics(self, results) -> dict[str, float]:
        return dict(acc=Interrupted.scores.pop(0))


def validated_run(
    folder: Path, in_epochs: bool, scores: list[float | None], resume: bool = False
) -> list[float | None]:
    """Returns the scores that were left."""
    Interrupted.scores = list(scores)
    cfg = tiny_config(folder, resume=resume, param_scheduler=[])
    loader = dict(cfg.train_dataloader, sampler=dict(type="EpochSampler", shuffle=False))
    cfg.merge_from_dict(dict(val_dataloader=loader, val_cfg=dict(), val_evaluator=dict(type=Interrupted)))
    cfg.default_hooks.checkpoint.update(by_epoch=in_epochs, interval=1 if in_epochs else 6, save_best="acc")
    if not in_epochs:
        cfg.train_cfg = dict(type="IterBasedTrainLoop", max_iters=18, val_interval=6)
        cfg.train_dataloader.sampler = dict(type="InfiniteSampler")
    Runner.from_cfg(cfg).train()
    return Interrupted.scores


@pytest.mark.parametrize("in_epochs", [True, False])
@pytest.mark.parametrize("killed", [2, 3])
def test_a_killed_validation_is_made_up_for(tmp_path: Path, in_epochs: bool, killed: int, capfd) -> None:
    name, step = ("best_acc_epoch_{}.pth", 1) if in_epochs else ("best_acc_iter_{}.pth", 6)
    scores: list[float | None] = [0.5, 0.6, 0.7]
    with pytest.raises(KeyboardInterrupt):
        validated_run(tmp_path, in_epochs, [*scores[: killed - 1], None])
    assert [path.name for path in tmp_path.glob("best_*")] == [name.format(step * (killed - 1))]

    assert validated_run(tmp_path, in_epochs, scores[killed - 1 :], resume=True) == []
    assert f"the validation after iteration {6 * killed} was not finished" in capfd.readouterr().out
    assert [path.name for path in tmp_path.glob("best_*")] == [name.format(3 * step)]
    last = tmp_path / name.format(3 * step).removeprefix("best_acc_")
    info = torch.load(last, weights_only=True)["message_hub"]["runtime_info"]
    assert (info["best_score"], info["best_ckpt"]) == (0.7, name.format(3 * step))
    assert validated_run(tmp_path, in_epochs, [0.1], resume=True) == [0.1]  # and once only
