"""Checkpoints of sharded runs are folders to which each process writes its share; any number of processes reads it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.runner import Runner
from sharded_run import ListedPredictions, run
from torch.distributed.checkpoint import FileSystemWriter
from two_processes import run_in_processes, run_in_two_processes

from mmmim.checkpoint.files import newest_good_checkpoint, read_stored_run, stored_checkpoints
from mmmim.checkpoint.names import model_state
from mmmim.checkpoint.reader import find_damage, read_file
from mmmim.checkpoint.sharded import Folder, is_sharded_folder
from mmmim.engine import sharded_checkpoint
from mmmim.errors import RunFailed
from mmmim.launch.run_lock import check_unfinished
from mmmim.registry import MODELS

SHARES: dict[str, Any] = dict(custom_hooks=[])  # without GatherHook
ALONE = {"train_dataloader.batch_size": 8}  # the global batch of two processes
UNSHARDED = dict(**SHARES, **ALONE, model_wrapper_cfg=None, launcher="none")


def difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert list(one) == list(other)
    return max((one[name].float() - other[name].float()).abs().max().item() for name in one)


def straight_and_resumed(folder: Path, rank: int) -> dict:
    straight = run(folder / "straight", **SHARES, **{"default_hooks.checkpoint.max_keep_ckpts": 2})
    first = folder / "first"
    if rank == 0:
        shutil.copytree(folder / "straight/epoch_2.pth", first / "epoch_2.pth")
        (first / "last_checkpoint").write_text("epoch_2.pth", encoding="utf-8")
    torch.distributed.barrier()
    read: list[int] = []
    stored = Folder._stored

    def counted(self: Folder, *args: Any) -> torch.Tensor:
        block = stored(self, *args)
        read.append(block.numel())
        return block

    Folder._stored = counted  # type: ignore[method-assign]
    sharded_checkpoint.find_damage = lambda path: None  # which the first process calls after writing
    resumed = run(first, **SHARES, resume=True)
    gathered = run(folder / "gathered")
    from_file = run(folder / "from_file", **SHARES, load_from=str(folder / "gathered/epoch_1.pth"), resume=True)
    return dict(
        resumed=difference(straight, resumed),
        gathered=difference(straight, gathered),
        from_file=difference(straight, from_file),
        read=sum(read),
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    folder = tmp_path_factory.mktemp("sharded")
    return folder, run_in_two_processes(straight_and_resumed, folder)


def test_resumed_run_is_the_straight_one_and_reads_shares(runs: tuple[Path, list[dict]]) -> None:
    folder, answers = runs
    for answer in answers:
        assert answer["resumed"] == answer["gathered"] == answer["from_file"] == 0
    entries = Folder(folder / "straight/epoch_3.pth").entries.values()
    everything = sum(torch.Size(entry.size).numel() for entry in entries)
    read = [answer["read"] for answer in answers]
    checked = read[0] - read[1]  # before the run the first process compares all with its checksums
    assert checked == pytest.approx(everything, rel=0.3) and read[1] == pytest.approx(everything / 2, rel=0.3)


def test_folder_is_read_as_the_gathered_file(runs: tuple[Path, list[dict]]) -> None:
    folder, _ = runs
    found, expected = (read_file(folder / name / "epoch_3.pth") for name in ("straight", "gathered"))
    assert is_sharded_folder(folder / "straight/epoch_3.pth")
    assert found.keys() == expected.keys() and found["meta"].keys() == expected["meta"].keys()
    assert found["meta"]["mmmim"] == expected["meta"]["mmmim"]
    assert found["param_schedulers"] == expected["param_schedulers"]
    torch.testing.assert_close(found["state_dict"], expected["state_dict"], rtol=0, atol=0)
    torch.testing.assert_close(found["optimizer"], expected["optimizer"], rtol=0, atol=0)
    assert all(type(value) is torch.Tensor for value in found["state_dict"].values())
    best, expected_best = (
        read_file(folder / name / "best_rising_acc_epoch_3.pth") for name in ("straight", "gathered")
    )
    torch.testing.assert_close(best["state_dict"], expected_best["state_dict"], rtol=0, atol=0)


def test_folders_are_kept_found_and_deleted_as_files_are(runs: tuple[Path, list[dict]]) -> None:
    folder = runs[0] / "straight"
    names = {path.name for path in folder.iterdir() if "pth" in path.name}
    assert names == {"epoch_2.pth", "epoch_3.pth", "best_rising_acc_epoch_3.pth"}
    assert newest_good_checkpoint(folder) == folder / "epoch_3.pth"
    shape = next(iter(read_stored_run(folder / "epoch_3.pth")["optimizer"]["state"].values()))["exp_avg"]
    assert shape.is_meta
    copy = runs[0] / "copy"
    shutil.copytree(folder, copy)
    shard = next((copy / "epoch_3.pth").glob("__1_*.distcp"))
    shard.write_bytes(shard.read_bytes()[:-100])
    assert "bytes, not the" in str(find_damage(copy / "epoch_3.pth"))
    assert newest_good_checkpoint(copy) == copy / "epoch_2.pth"
    check_unfinished(copy, resumes=False, overwrite=True)
    assert not stored_checkpoints(copy, copy) and not list(copy.glob("best_*"))


def resume_from_straight(folder: Path, rank: int) -> dict:
    run(folder / "one", **SHARES, **ALONE, load_from=str(folder / "straight/epoch_2.pth"), resume=True)
    run(folder / "alone", **SHARES, **ALONE, **{"default_hooks.checkpoint.max_keep_ckpts": 3})
    return {}


def resume_from_alone(folder: Path, rank: int) -> dict:
    run(folder / "two", **SHARES, load_from=str(folder / "alone/epoch_1.pth"), resume=True)
    return {}


def test_another_number_of_processes_goes_on(runs: tuple[Path, list[dict]]) -> None:
    folder, _ = runs
    run_in_processes(1, resume_from_straight, folder)
    run_in_two_processes(resume_from_alone, folder)
    run(folder / "unsharded", Runner, **UNSHARDED, load_from=str(folder / "straight/epoch_2.pth"), resume=True)
    started = read_file(folder / "straight/epoch_2.pth")["state_dict"]
    expected = read_file(folder / "straight/epoch_3.pth")
    for name in ("one", "two", "unsharded"):
        found = read_file(folder / name / "epoch_3.pth")
        assert is_sharded_folder(folder / name / "epoch_3.pth") == (name != "unsharded")
        torch.testing.assert_close(found["state_dict"], expected["state_dict"], rtol=1e-3, atol=1e-4)
        moments = [each["optimizer"]["state"][0]["exp_avg"] for each in (found, expected)]
        torch.testing.assert_close(*moments, rtol=1e-2, atol=1e-5)
    assert difference(started, expected["state_dict"]) > 2e-3  # so that a run that stood still would be seen


def killed(folder: Path, rank: int) -> dict:
    """The first process ends between the second checkpoint's last write and its new name."""
    put, calls = sharded_checkpoint.put_in_place, []

    def end(temporary: Path, path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            (folder / "answer0.json").write_text(json.dumps(dict(killed=path.name)), encoding="utf-8")
            os._exit(9)
        put(temporary, path)

    sharded_checkpoint.put_in_place = end
    try:
        run(folder / "run", **SHARES, **{"default_hooks.checkpoint.save_best": None})
    except RuntimeError as error:  # gloo: the first process is gone
        return dict(error=str(error))
    return {}


def goes_on(folder: Path, rank: int) -> dict:
    settings = dict(save_best=None, interval=5, rolling_interval=1)
    rolling = {f"default_hooks.checkpoint.{key}": value for key, value in settings.items()}
    run(folder / "run", **SHARES, **rolling, resume=True)
    return {}


def test_kill_before_the_new_name_leaves_the_older_checkpoint(tmp_path: Path) -> None:
    first, second = run_in_two_processes(killed, tmp_path)
    assert first["killed"] == "epoch_2.pth" and second["error"]
    assert (tmp_path / "run/.epoch_2.pth.new.tmp").is_dir()
    assert newest_good_checkpoint(tmp_path / "run") == tmp_path / "run/epoch_1.pth"
    run_in_two_processes(goes_on, tmp_path)
    assert not (tmp_path / "run/.epoch_2.pth.new.tmp").exists()
    assert read_file(tmp_path / "run/rolling.pth")["meta"]["iter"] == 6  # which replaced that of the second epoch
    assert {path.name for path in (tmp_path / "run").glob("*.pth")} == {"epoch_1.pth", "rolling.pth"}


def full_disk(folder: Path, rank: int) -> dict:
    write, calls = FileSystemWriter.write_data, []

    def fail(self: Any, *args: Any) -> Any:
        calls.append(rank)
        if rank == 1 and len(calls) == 2:
            raise OSError(28, "No space left on device")
        return write(self, *args)

    FileSystemWriter.write_data = fail  # type: ignore[method-assign]
    run(folder / "run", **SHARES, **{"default_hooks.checkpoint.save_best": None})
    return dict(rank=get_rank())


def test_failure_of_one_process_is_logged_by_all_and_training_goes_on(tmp_path: Path) -> None:
    run_in_two_processes(full_disk, tmp_path)
    names = {path.name for path in (tmp_path / "run").iterdir() if "pth" in path.name}
    assert names == {"epoch_1.pth", "epoch_3.pth"}
    log = next((tmp_path / "run").rglob("*.log")).read_text(encoding="utf-8")
    assert "Could not write" in log and "No space left on device. Training goes on" in log


@MODELS.register_module(force=True)
class LosesNumbers(ListedPredictions):
    """The model, of which the loss of the third step is not finite."""

    def set_step(self, seed: int, iteration: int) -> None:
        super().set_step(seed, iteration)
        self.breaks = iteration == 2

    def forward(self, *args: Any, mode: str = "tensor", **kwargs: Any) -> Any:
        found = super().forward(*args, mode=mode, **kwargs)
        return (
            {name: value * float("nan") for name, value in found.items()} if mode == "loss" and self.breaks else found
        )


def stops(folder: Path, rank: int) -> dict:
    with pytest.raises(RunFailed, match="non-finite loss at iteration 2") as told:
        run(folder / "run", **SHARES, **{"model.type": "LosesNumbers", "default_hooks.nonfinite.interval": 1})
    return dict(told=str(told.value))


def test_sharded_run_stops_at_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    first, second = run_in_two_processes(stops, tmp_path)
    assert first == second
    assert newest_good_checkpoint(tmp_path / "run") == tmp_path / "run/epoch_1.pth"
    left, stored = (model_state(read_file(tmp_path / "run" / name)) for name in ("nonfinite.pt", "epoch_1.pth"))
    assert {name: value.shape for name, value in left.items()} == {name: v.shape for name, v in stored.items()}
