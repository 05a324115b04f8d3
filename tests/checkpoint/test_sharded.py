"""A folder of torch.distributed.checkpoint is read as one file, and what is wrong with it is said in one line."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile import hostile
from mmengine.runner import CheckpointLoader
from torch.distributed import checkpoint as dcp

from mmmim.checkpoint.files import (
    atomic_write,
    newest_good_checkpoint,
    point_to,
    put_in_place,
    read_stored_run,
    remove_leftovers,
    stored_checkpoints,
)
from mmmim.checkpoint.reader import find_damage, is_checkpoint, read_bytes, read_file
from mmmim.checkpoint.sharded import CONTENT_FILE, EMPTY, INDEX_FILE, read_index
from mmmim.errors import MissingFileError, WeightsError
from mmmim.launch.options import existing_checkpoint
from mmmim.visualization.sources import checkpoint_file

WEIGHT = torch.arange(600.0).reshape(20, 30)
MOMENT = torch.linspace(0, 1, 600).reshape(20, 30).bfloat16()


def write(folder: Path, iteration: int = 3) -> Path:
    """Write the checkpoint of a run in which a weight and its moment are divided."""
    tensors = {"state_dict": {"backbone.weight": WEIGHT}, "optimizer": {"state": {0: {"exp_avg": MOMENT}}}}
    content = dict(
        meta=dict(epoch=1, iter=iteration),
        state_dict={"backbone.weight": EMPTY, "backbone.mean": torch.ones(3)},
        optimizer=dict(state={0: dict(step=torch.tensor(3.0), exp_avg=EMPTY)}, param_groups=[dict(params=[0], lr=0.1)]),
        message_hub=dict(runtime_info=dict(max_iters=9)),
    )
    folder.mkdir(parents=True)
    dcp.save(tensors, storage_writer=dcp.FileSystemWriter(folder), no_dist=True)
    torch.save(content, folder / CONTENT_FILE)
    return folder


def shard(folder: Path) -> Path:
    return next(folder.glob("*.distcp"))


def test_folder_is_read_as_one_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "epoch_1.pth")
    for found in (read_file(folder), CheckpointLoader.load_checkpoint(str(folder), map_location="cpu")):
        assert list(found["state_dict"]) == ["backbone.weight", "backbone.mean"]
        assert torch.equal(found["state_dict"]["backbone.weight"], WEIGHT)
        moment = found["optimizer"]["state"][0]["exp_avg"]
        assert moment.dtype == torch.bfloat16 and torch.equal(moment, MOMENT)
    outline = read_stored_run(folder)
    assert outline["state_dict"]["backbone.weight"].is_meta and outline["meta"]["iter"] == 3
    assert find_damage(folder) is None and is_checkpoint(folder)
    assert existing_checkpoint(str(folder), "--checkpoint") == str(folder) and checkpoint_file(folder) == folder


def test_torch_converts_the_folder_itself(tmp_path: Path) -> None:
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    dcp_to_torch_save(write(tmp_path / "epoch_1.pth"), tmp_path / "converted.pth")
    found = read_file(tmp_path / "converted.pth")
    assert torch.equal(found["state_dict"]["backbone.weight"], WEIGHT)


@pytest.mark.parametrize("kind", list(hostile(Path("x"))))
def test_a_call_in_the_index_is_refused(tmp_path: Path, kind: str) -> None:
    folder, marker = write(tmp_path / "epoch_1.pth"), tmp_path / "marker"
    index = pickle.loads((folder / INDEX_FILE).read_bytes())
    index.planner_data = hostile(marker)[kind]
    (folder / INDEX_FILE).write_bytes(pickle.dumps(index))
    for read in (read_file, read_stored_run):
        with pytest.raises(
            ValueError, match=r"\.metadata: refused: to read it, [\w.]+ would have to be called"
        ) as told:
            read(folder)
        assert "\n" not in str(told.value)
    assert "refused" in str(find_damage(folder))
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["eval", "os.system", "_load_from_bytes"])
def test_a_call_in_a_shard_or_the_content_is_refused(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "marker"
    first, second = write(tmp_path / "a.pth"), write(tmp_path / "b.pth")
    torch.save(hostile(marker)[kind], first / CONTENT_FILE)
    file = shard(second)
    torch.save(hostile(marker)[kind], file)
    file.write_bytes(file.read_bytes().ljust(10_000, b"\0"))
    for folder in (first, second):
        with pytest.raises(WeightsError):
            read_file(folder)
    assert not marker.exists()


def test_the_index_names_no_class_of_torch_that_a_file_could_change(tmp_path: Path) -> None:
    folder = write(tmp_path / "a.pth")
    evil = b"ctorch.distributed.checkpoint.metadata\nMetadata\n(N}S'__init__'\nI1\nstb."
    (folder / INDEX_FILE).write_bytes(evil)
    before = dcp.Metadata.__init__
    with pytest.raises(WeightsError):
        read_index(folder)
    assert dcp.Metadata.__init__ is before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("truncate", r"\.distcp has .* bytes, not the"),
        ("flip", "checksum of .* is wrong"),
        ("no shard", r"__0_0\.distcp: No such file"),
        ("no index", r"a folder without \.metadata"),
        ("no content", r"a folder without content\.pt"),
        ("no pickle", "no index of a sharded checkpoint"),
        ("other pickle", "no index of a sharded checkpoint"),
        ("outside", "lies outside of the folder"),
        ("other content", "is in only one of"),
        ("less", "is not complete"),
    ],
)
def test_damage_is_found_and_named(tmp_path: Path, change: str, message: str) -> None:
    folder = write(tmp_path / "epoch_1.pth")
    file, index_file, content = shard(folder), folder / INDEX_FILE, folder / CONTENT_FILE
    stored, index = file.read_bytes(), pickle.loads(index_file.read_bytes())
    if change == "truncate":
        file.write_bytes(stored[:-2000])
    elif change == "flip":
        place = stored.index(WEIGHT[1].numpy().tobytes())
        file.write_bytes(stored[:place] + b"\xff" + stored[place + 1 :])
    elif change == "other content":
        torch.save(dict(state_dict={}), content)
    elif change.startswith("no ") and change != "no pickle":
        {"no shard": file, "no index": index_file, "no content": content}[change].unlink()
    else:
        if change == "outside":
            for info in index.storage_data.values():
                info.relative_path = f"../epoch_1.pth/{info.relative_path}"
        elif change == "less":
            index.state_dict_metadata["state_dict.backbone.weight"].chunks.clear()
        value: Any = {"no pickle": b"x", "other pickle": pickle.dumps(dict(a=1))}.get(change, pickle.dumps(index))
        index_file.write_bytes(value)
    with pytest.raises(WeightsError, match=message) as told:
        read_file(folder)
    assert "epoch_1.pth" in str(told.value) and "\n" not in str(told.value)
    assert find_damage(folder) is not None
    write(tmp_path / "epoch_0.pth", iteration=1)
    point_to(folder, tmp_path)
    assert newest_good_checkpoint(tmp_path) == tmp_path / "epoch_0.pth"


def test_another_folder_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "a.pth").mkdir()
    assert not is_checkpoint(tmp_path / "a.pth")
    assert find_damage(tmp_path / "a.pth") == "a folder, but not of a sharded run"
    with pytest.raises(MissingFileError, match="is a folder"):
        read_file(tmp_path / "a.pth")


def test_folder_replaces_folder_and_file(tmp_path: Path) -> None:
    old, new, path = write(tmp_path / "old", 1), write(tmp_path / "new", 2), tmp_path / "rolling.pth"
    for each, iteration in ((old, 1), (new, 2)):
        put_in_place(each, path)
        assert read_file(path)["meta"]["iter"] == iteration
    with atomic_write(path) as file:
        file.write(b"file")
    assert path.read_bytes() == b"file"
    put_in_place(write(tmp_path / "newest", 3), path)
    assert [each.name for each in tmp_path.iterdir()] == ["rolling.pth"] and path.is_dir()


def test_kill_while_a_folder_is_replaced_loses_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, new = write(tmp_path / "rolling.pth", 1), write(tmp_path / ".rolling.pth.new.tmp", 2)
    point_to(path, tmp_path)
    rename = Path.rename

    def killed(self: Path, target: Path) -> Any:
        if self == new:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        put_in_place(new, path)
    remove_leftovers(tmp_path)
    assert stored_checkpoints(tmp_path, tmp_path) == [tmp_path / "rolling.old.pth"]
    assert newest_good_checkpoint(tmp_path) == tmp_path / "rolling.old.pth"
    write(path, 3)
    remove_leftovers(tmp_path)
    assert stored_checkpoints(tmp_path, tmp_path) == [path]


def test_bytes_are_compared_with_their_checksums() -> None:
    import io

    stream = io.BytesIO()
    torch.save(WEIGHT, stream)
    content = stream.getvalue()
    place = content.index(WEIGHT[1].numpy().tobytes())
    with pytest.raises(WeightsError, match="checksum"):
        read_bytes(content[:place] + b"\xff" + content[place + 1 :], "s3://a.pth")
