"""A pack gives what the folder gives; what happens to it while it is written or kept is told in one line."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import multiprocessing
import os
import shutil
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from other_containers import save_to_disk, table_of
from PIL import Image

from mmmim.datasets import ImageFolder, ImageList, SampleKey, storage, use_folder
from mmmim.datasets.packs import PackReport, PackSettings, pool, shards, verify_pack, write_pack
from mmmim.datasets.sources import open_list, open_source
from mmmim.errors import RunFailed, UsageError

CROP = [dict(type="RandomResizedCrop", size=8, scale=(0.2, 1.0), antialias=True)]


def pack(folder: Path, out: Path, workers: int = 1, channels: int = 3, **settings: Any) -> PackReport:
    settings = dict(dict(per_shard=10, size=256, channels=channels), **settings)
    return write_pack(open_source(str(folder), channels), out, PackSettings(**settings), workers)


def samples(root: Path, **options: Any) -> list[dict]:
    data = ImageFolder(str(root), CROP, **options)
    found = [data[SampleKey(1, 2, i)] for i in range(len(data))]
    assert data.bad_files == []
    return found


def assert_same(one: list[dict], other: list[dict]) -> None:
    assert [(s["labels"], s["indices"]) for s in one] == [(s["labels"], s["indices"]) for s in other]
    assert all(torch.equal(a["inputs"], b["inputs"]) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("form", ["jpeg", "pixels"])
def test_a_pack_of_small_images_gives_the_samples_of_the_folder(form: str, class_folder: Path, tmp_path: Path) -> None:
    report = pack(class_folder, tmp_path / "pack", format=form)
    assert (report.images, report.shards, report.unreadable) == (36, 4, {})
    assert_same(samples(tmp_path / "pack"), samples(class_folder))
    for options in (dict(subset="holdout", holdout=0.25), dict(keep=0.5, keep_seed=3)):
        assert_same(samples(tmp_path / "pack", **options), samples(class_folder, **options))
    data, folder = ImageFolder(str(tmp_path / "pack")), ImageFolder(str(class_folder))
    assert list(data.paths) == list(folder.paths) and data.classes == folder.classes


def test_lists_and_splits_of_a_pack_are_those_of_the_folder(class_folder: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        shutil.copytree(class_folder, tmp_path / "both" / split)
    pack(tmp_path / "both", tmp_path / "pack")
    (tmp_path / "list.txt").write_text("val/bee/03.png 1\ntrain/ant/00.png 0\n", encoding="utf-8")
    listed = ImageList(str(tmp_path / "pack"), f"{tmp_path}/list.txt")
    assert [int(listed[i]["inputs"][0, 0, 0]) for i in (0, 1)] == [43, 0]
    loader = dict(batch_size=4, dataset=dict(type="ToyImages", transforms=[]))
    model = dict(type="ImageClassifier", head=dict(type="LinearClsHead", num_classes=1000))
    cfg = use_folder(Config(dict(model=model, train_dataloader=loader, val_dataloader=loader)), f"{tmp_path}/pack")
    for split in ("train", "val"):
        dataset = cfg[f"{split}_dataloader"].dataset
        assert dataset.root == f"{tmp_path}/pack/{split}"
        assert_same(samples(Path(dataset.root)), samples(tmp_path / "both" / split))


def test_the_files_are_plain_zip_files(class_folder: Path, tmp_path: Path) -> None:
    pack(class_folder, tmp_path / "pack", per_shard=20)
    with zipfile.ZipFile(tmp_path / "pack" / "shard-00001.zip") as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 16
        assert archive.read("cat/11.png") == (class_folder / "cat" / "11.png").read_bytes()


def test_several_workers_write_the_bytes_of_one(class_folder: Path, tmp_path: Path) -> None:
    for workers in (1, 3):
        pack(class_folder, tmp_path / f"pack{workers}", workers, size=12)
    one, three = ({p.name: p.read_bytes() for p in (tmp_path / f"pack{w}").iterdir()} for w in (1, 3))
    assert one == three and set(one) == {"pack.json", "index.npz", *(f"shard-{k:05d}.zip" for k in range(4))}


# ------------------------------------------------------------------ what an entry holds


def gradient(*shape: int) -> np.ndarray:
    return np.linspace(0, 255, int(np.prod(shape))).reshape(shape).astype(np.uint8)


def entry(tmp_path: Path, name: str) -> bytes:
    source = open_source(f"{tmp_path}/pack", extensions=[os.path.splitext(name)[1]])
    assert list(source.names) == [name]
    return source.read(0)


def jpeg_with_exif(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise
    Image.fromarray(gradient(40, 60, 3)).save(path, exif=exif)


def transparent(path: Path) -> None:
    image = Image.fromarray(gradient(40, 60, 3)).convert("RGBA")
    image.putalpha(Image.fromarray(gradient(40, 60)))
    image.save(path)


def palette(path: Path) -> None:
    Image.fromarray(gradient(40, 60, 3)).quantize(16).save(path)


CASES: dict[str, tuple[Callable[[Path], None], str | None, str | None]] = {
    "colour.png": (lambda path: Image.fromarray(gradient(40, 60, 3)).save(path), "JPEG", "RGB"),
    "grey.png": (lambda path: Image.fromarray(gradient(40, 60)).save(path), "JPEG", "L"),
    "turned.jpg": (jpeg_with_exif, "JPEG", "RGB"),
    "transparent.png": (transparent, "PNG", "RGBA"),
    "opaque.webp": (lambda path: Image.new("RGBA", (60, 40), (1, 2, 3, 255)).save(path), "JPEG", "RGB"),
    "palette.gif": (palette, "JPEG", "RGB"),
    "cmyk.jpg": (lambda path: Image.new("CMYK", (60, 40)).save(path), "JPEG", "RGB"),
    "deep.png": (lambda path: Image.fromarray(gradient(40, 60).astype(np.uint16) * 257).save(path), None, None),
    "deep.tif": (lambda path: Image.fromarray(gradient(40, 60).astype(np.uint16) * 257).save(path), None, None),
    "array.npy": (lambda path: np.save(path, gradient(40, 60, 3)), None, None),
    "small.bmp": (lambda path: Image.new("RGB", (60, 20)).save(path), None, None),
}


@pytest.mark.parametrize("name", CASES)
def test_what_jpeg_makes_of_an_image(name: str, tmp_path: Path) -> None:
    write, form, mode = CASES[name]
    (tmp_path / "images").mkdir()
    write(tmp_path / "images" / name)
    assert pack(tmp_path / "images", tmp_path / "pack", size=20).unreadable == {}
    stored = entry(tmp_path, name)
    if form is None:
        assert stored == (tmp_path / "images" / name).read_bytes(), "kept as it is"
        return
    image = Image.open(io.BytesIO(stored))
    assert (image.format, image.mode) == (form, mode)
    assert image.size == ((20, 30) if name == "turned.jpg" else (30, 20))
    near = ImageFolder(f"{tmp_path}/pack")[0]["inputs"].float()
    resized = Image.open(tmp_path / "images" / name).convert("RGB").resize((30, 20), Image.Resampling.BICUBIC)
    if name != "turned.jpg":
        far = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float()
        assert (near - far).abs().mean() < 4


def test_alpha_and_the_colours_below_it_are_kept(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    transparent(tmp_path / "images" / "a.png")
    pack(tmp_path / "images", tmp_path / "pack", size=20)
    four, three = (ImageFolder(f"{tmp_path}/pack", channels=c)[0]["inputs"] for c in (4, 3))
    assert torch.equal(four[:3], three) and four[3].float().std() > 50
    assert three[:, 0].float().mean() < three[:, -1].float().mean() < 256


def test_other_numbers_of_channels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "a.npy", gradient(40, 60, 7))
    pack(tmp_path / "images", tmp_path / "jpeg", channels=7, size=20)
    pack(tmp_path / "images", tmp_path / "pixels", channels=7, size=20, format="pixels")
    kept, smaller = (ImageFolder(f"{tmp_path}/{form}", channels=7)[0]["inputs"] for form in ("jpeg", "pixels"))
    assert kept.shape == (7, 40, 60) and smaller.shape == (7, 20, 30)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_have_the_channels_that_are_asked_for(channels: int, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(gradient(40, 60)).save(tmp_path / "images" / "grey.png")
    transparent(tmp_path / "images" / "transparent.png")
    pack(tmp_path / "images", tmp_path / "pack", channels=channels, size=20, format="pixels")
    data, folder = (ImageFolder(f"{tmp_path}/{name}", channels=channels) for name in ("pack", "images"))
    for index in range(2):
        assert data[index]["inputs"].shape == (channels, 20, 30)
        means = [each[index]["inputs"].float().mean((1, 2)) for each in (data, folder)]
        assert torch.allclose(*means, atol=2)
    other = 3 if channels != 3 else 1
    with pytest.raises(UsageError, match=rf"set channels={channels}"):
        ImageFolder(f"{tmp_path}/pack", channels=other)


def test_an_unknown_range_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "a.npy", np.zeros((4, 4, 3), np.float32))
    with pytest.raises(UsageError, match=r"a\.npy: holds float32 values .*here with --channels N and --value-range"):
        pack(tmp_path / "images", tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


def test_a_value_range_is_applied_once(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "a.npy", np.linspace(-1, 1, 48, dtype=np.float32).reshape(4, 4, 3))
    with pytest.raises(UsageError, match="value_range"):
        ImageFolder(f"{tmp_path}/images")
    for form in ("jpeg", "pixels"):
        pack(tmp_path / "images", tmp_path / form, format=form, value_range=(-1, 1))
    folder = ImageFolder(f"{tmp_path}/images", value_range=(-1, 1))[0]["inputs"]
    assert torch.equal(ImageFolder(f"{tmp_path}/pixels")[0]["inputs"], folder)
    assert torch.equal(ImageFolder(f"{tmp_path}/jpeg", value_range=(-1, 1))[0]["inputs"], folder)
    with pytest.raises(UsageError, match=r"value_range=\(-1, 1\): .*converted to 8 bits when they were packed; leave"):
        ImageFolder(f"{tmp_path}/pixels", value_range=(-1, 1))


def test_images_smaller_than_the_crop_are_remarked_on(class_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    told: list[str] = []
    monkeypatch.setattr("mmmim.datasets.image_files.print_log", lambda text, **_: told.append(text))
    pack(class_folder, tmp_path / "pack", size=12)
    for size in (12, [12, 8]):
        ImageFolder(f"{tmp_path}/pack", [dict(type="RandomResizedCrop", size=size)])
    assert told == []
    ImageFolder(f"{tmp_path}/pack", [dict(type="CenterCrop", size=[16, 12])])
    assert len(told) == 1 and "reduced to 12 pixels, and 16 are trained on" in told[0] and "--size 16" in told[0]


# ------------------------------------------------------------------ names


def test_any_name_is_packed(tmp_path: Path, picture: Any) -> None:
    strange = ["a/ü ß.png", "a/line\nbreak.png", os.fsdecode(b"a/\xff.png"), "a/x.png", "a/x.png.jpg", "a/" + "y" * 200]
    for number, name in enumerate(strange):
        picture(tmp_path / "images" / f"{name}.png", 40 * number, (40, 30))
    pack(tmp_path / "images", tmp_path / "pack", size=20)
    data = ImageFolder(f"{tmp_path}/pack")
    assert {round(int(data[i]["inputs"][0, 0, 0]), -1) for i in range(6)} == {0, 40, 80, 120, 160, 200}
    assert {"a/ü ß.png.png", "a/line\\x0abreak.png.png", "a/\\xff.png.png"} < set(data.paths)


def test_entries_that_would_get_the_same_name(tmp_path: Path, picture: Any) -> None:
    for number, name in enumerate(["x.png", "x.png.jpg", "x.png.jpg.jpg"]):
        picture(tmp_path / "images" / name, 100 * number, (40, 30))
    pack(tmp_path / "images", tmp_path / "pack", size=20)
    data = ImageFolder(f"{tmp_path}/pack")
    assert list(data.paths) == ["x.png", "x.png.jpg", "x.png.jpg.jpg"]
    assert [int(data[i]["inputs"][0, 0, 0]) for i in range(3)] == [0, 100, 200]


def test_classes_of_a_table_keep_their_order_in_a_pack(class_folder: Path, tmp_path: Path) -> None:
    saved = save_to_disk(table_of(class_folder, ("cat", "ant", "bee")), tmp_path / "saved")
    pack(saved, tmp_path / "pack")
    data = ImageFolder(f"{tmp_path}/pack")
    assert data.classes == ("cat", "ant", "bee")
    assert_same(samples(tmp_path / "pack"), samples(saved))


def test_a_list_with_labels_is_packed(class_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("../images/bee/03.png 10\nimages/ant/00.png 2\n", encoding="utf-8")
    source = open_list(f"{tmp_path}/list.txt", f"{class_folder}")
    with pytest.raises(UsageError, match=r"none of the 2 images .*--root"):
        open_list(f"{tmp_path}/list.txt", f"{tmp_path}/nowhere")
    (tmp_path / "list.txt").write_text("images/bee/03.png 10\n./images/ant/00.png 2\n", encoding="utf-8")
    source = open_list(f"{tmp_path}/list.txt")
    write_pack(source, tmp_path / "pack", PackSettings(), 1)
    data = ImageFolder(f"{tmp_path}/pack")
    assert data.classes == ("2", "10") and list(data.paths) == ["10/images/bee/03.png", "2/images/ant/00.png"]
    assert [(data[i]["labels"], int(data[i]["inputs"][0, 0, 0])) for i in (0, 1)] == [(1, 43), (0, 0)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.png 1\nb.png -1\n", "labels from 0 on in some lines only"),
        ("a.png 1\nb.png\n", "labels from 0 on in some lines only"),
        ("a.png\n./a.png\n", "names 1 images several times, e.g. 'a.png'"),
        ("nowhere.png\n", "none of the 1 images"),
    ],
)
def test_lists_that_are_refused(text: str, told: str, tmp_path: Path, picture: Any) -> None:
    picture(tmp_path / "a.png"), picture(tmp_path / "b.png")
    (tmp_path / "list.txt").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        open_list(f"{tmp_path}/list.txt")


# ------------------------------------------------------------------ writing that does not go well


def test_what_cannot_be_read_is_reported_with_its_reason(class_folder: Path, tmp_path: Path) -> None:
    (class_folder / "ant" / "03.png").write_text("broken", encoding="utf-8")
    whole = (class_folder / "bee" / "05.png").read_bytes()
    (class_folder / "bee" / "05.png").write_bytes(whole[: len(whole) // 2])
    report = pack(class_folder, tmp_path / "pack", workers=2)
    assert report.images == 34 and set(report.unreadable) == {"ant/03.png", "bee/05.png"}
    listed = (tmp_path / "pack" / "unreadable.txt").read_text(encoding="utf-8").splitlines()
    assert listed[0] == "ant/03.png\tUnidentifiedImageError: 6 bytes in no format that Pillow knows"
    assert listed[1].startswith("bee/05.png\t") and len(listed) == 2
    assert len(ImageFolder(f"{tmp_path}/pack")) == 34 and pack(class_folder, tmp_path / "pack").was_complete


def test_a_folder_of_broken_files_gives_no_pack(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("broken", encoding="utf-8")
    with pytest.raises(UsageError, match=r"none of the 1 images is readable; .*unreadable\.txt says why"):
        pack(tmp_path / "images", tmp_path / "pack")
    with pytest.raises(UsageError, match="is a pack that is not finished"):
        ImageFolder(f"{tmp_path}/pack")


class Interrupted(Exception):
    pass


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int, error: Exception) -> None:
    calls, encode = iter(range(after)), shards.encode

    def interrupted(*arguments: Any) -> Any:
        if next(calls, None) is None:
            raise error
        return encode(*arguments)

    monkeypatch.setattr(shards, "encode", interrupted)


def test_finished_shards_are_kept_and_the_started_one_is_written_again(
    class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, 25, RunFailed("stop"))  # the only kind of error that an image may not be left out for
    with pytest.raises(RunFailed, match="stop"):
        pack(class_folder, tmp_path / "pack")
    monkeypatch.undo()
    made = sorted(path.name for path in (tmp_path / "pack").iterdir())
    assert made == ["pack.json", "shard-00000.zip", "shard-00001.zip"]
    with pytest.raises(UsageError, match=r"not finished; .*python tools/pack\.py .*images .*pack"):
        ImageFolder(f"{tmp_path}/pack")
    before = [(tmp_path / "pack" / name).stat().st_mtime_ns for name in made[1:]]
    done: list[int] = []
    write_pack(open_source(str(class_folder)), tmp_path / "pack", PackSettings(per_shard=10), 1, done.append)
    assert [(tmp_path / "pack" / name).stat().st_mtime_ns for name in made[1:]] == before and done[0] == 20
    assert_same(samples(tmp_path / "pack"), samples(class_folder))


def _pack_slowly(folder: Path, out: Path, workers: int = 1) -> None:
    encode = shards.encode

    def slow(*arguments: Any) -> Any:
        time.sleep(0.02)
        Path(f"{out}.{os.getpid()}.pid").touch()
        return encode(*arguments)

    shards.encode = slow
    pack(folder, out, workers)


def test_a_killed_writer_leaves_nothing_broken(class_folder: Path, tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_pack_slowly, args=(class_folder, tmp_path / "pack"))
    process.start()
    while not list((tmp_path / "pack").glob(".shard-00002.zip.*.tmp")):
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert list((tmp_path / "pack").glob(".shard-00002.zip.*.tmp"))
    assert not pack(class_folder, tmp_path / "pack").was_complete
    assert list((tmp_path / "pack").glob(".*")) == []
    assert_same(samples(tmp_path / "pack"), samples(class_folder))


def test_workers_end_when_the_command_is_killed(class_folder: Path, tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=_pack_slowly, args=(class_folder, tmp_path / "pack", 2)
    )
    process.start()
    while len(workers := [int(path.suffixes[-2][1:]) for path in tmp_path.glob("pack.*.pid")]) < 2:
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    deadline = time.monotonic() + 30
    while any(map(_runs, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not pack(class_folder, tmp_path / "pack").was_complete


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_worker_that_is_killed_is_told(class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(pool, "write_shard", die)
    with pytest.raises(RunFailed, match=r"a worker process was killed.*fewer --workers"):
        pack(class_folder, tmp_path / "pack", workers=2)


def test_a_full_disk_keeps_what_is_finished(
    class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = zipfile.ZipFile.writestr

    def full(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
        if entry.filename.startswith("cat"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(archive, entry, content)

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(RunFailed, match=rf"^{tmp_path}/pack/shard-00002\.zip: No space left on device; 2 of 4 shards"):
        pack(class_folder, tmp_path / "pack")
    monkeypatch.undo()
    assert sorted(p.name for p in (tmp_path / "pack").iterdir()) == ["pack.json", "shard-00000.zip", "shard-00001.zip"]
    pack(class_folder, tmp_path / "pack")
    assert_same(samples(tmp_path / "pack"), samples(class_folder))


def test_what_is_read_back_is_compared(class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "find_damage", lambda path: "the checksum of ant/00.png fails")
    with pytest.raises(RunFailed, match=r"shard-00000\.zip: what was written is not what is read back"):
        pack(class_folder, tmp_path / "pack")
    assert not (tmp_path / "pack" / "shard-00000.zip").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (dict(size=128), r"half-written pack with other settings: --size 256 there, 128 here"),
        (dict(format="pixels"), r"--format jpeg there, pixels here"),
        (dict(quality=50, per_shard=11), r"--quality 90 there, 50 here, --per-shard 10 there, 11 here"),
    ],
)
def test_a_half_written_pack_goes_on_with_its_own_settings_only(
    changes: dict, told: str, class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, 15, RunFailed("stop"))
    with pytest.raises(RunFailed, match="stop"):
        pack(class_folder, tmp_path / "pack")
    monkeypatch.undo()
    with pytest.raises(UsageError, match=told):
        pack(class_folder, tmp_path / "pack", **changes)
    assert (tmp_path / "pack" / "shard-00000.zip").exists()


def test_a_pack_of_other_images_and_another_folder_are_left_alone(
    class_folder: Path, tmp_path: Path, picture: Any
) -> None:
    pack(class_folder, tmp_path / "pack")
    picture(class_folder / "ant" / "new.png")
    with pytest.raises(UsageError, match=r"is a pack of other images: 36 of .* there, 37 of .* here"):
        pack(class_folder, tmp_path / "pack")
    with pytest.raises(UsageError, match=r"is not empty and no pack"):
        pack(class_folder, class_folder)


# ------------------------------------------------------------------ packs that are kept badly


@pytest.fixture
def packed(class_folder: Path, tmp_path: Path) -> Path:
    pack(class_folder, tmp_path / "pack")
    return tmp_path / "pack"


def change_facts(folder: Path, **changes: Any) -> None:
    facts = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    (folder / "pack.json").write_text(json.dumps(dict(facts, **changes)), encoding="utf-8")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda p: change_facts(p, version=2), r"version 2 of 'mmmim-pack', and this mmmim reads version 1"),
        (lambda p: change_facts(p, complete=False), r"is a pack that is not finished"),
        (lambda p: (p / "pack.json").write_text("{", encoding="utf-8"), r"pack\.json' is damaged"),
        (lambda p: (p / "shard-00002.zip").unlink(), r"shard-00002\.zip' is missing; copy it again"),
        (lambda p: cut(p / "shard-00002.zip"), r"shard-00002\.zip' has [\d,]+ bytes in place of [\d,]+; copy it again"),
        (lambda p: (p / "index.npz").unlink(), r"index\.npz' is missing; python tools/pack\.py --verify"),
        (lambda p: cut(p / "index.npz"), r"index\.npz' is not the one of this pack: .*--verify"),
    ],
)
def test_what_is_wrong_with_a_pack_is_one_line(harm: Callable[[Path], Any], told: str, packed: Path) -> None:
    harm(packed)
    with pytest.raises(UsageError, match=told) as found:
        ImageFolder(str(packed))
    assert "\n" not in str(found.value)


def test_a_missing_shard_is_written_again(packed: Path, class_folder: Path) -> None:
    before = (packed / "shard-00002.zip").read_bytes()
    (packed / "shard-00002.zip").unlink()
    cut(packed / "shard-00001.zip")
    assert not pack(class_folder, packed).was_complete
    assert (packed / "shard-00002.zip").read_bytes() == before and pack(class_folder, packed).was_complete
    assert_same(samples(packed), samples(class_folder))


def flip(folder: Path, index: int) -> str:
    """Change a bit of an image and return the shard."""
    source = open_source(str(folder))
    file, offset = int(source.columns["file"][index]), int(source.columns["offset"][index])
    path = folder / f"shard-{file:05d}.zip"
    content = bytearray(path.read_bytes())
    content[offset + 20] ^= 1
    path.write_bytes(content)
    return path.name


def test_an_image_whose_checksum_fails_is_a_bad_file(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("mmmim.datasets.base.print_log", lambda text, **_: told.append(text))
    shard = flip(packed, 14)
    data = ImageFolder(str(packed))
    assert data[14]["indices"] != 14 and data.bad_files == [f"{packed}/bee/02.png"]
    assert shard in told[0] and "the checksum fails" in told[0]
    assert [data[i]["indices"] for i in (13, 15)] == [13, 15]


def test_verify_names_the_shard(packed: Path) -> None:
    found = verify_pack(packed)
    assert found.damaged == {} and found.images == 36 and not found.index_written
    shard = flip(packed, 14)
    (packed / "shard-00003.zip").unlink()
    assert verify_pack(packed).damaged == {
        shard: "the checksum of bee/02.png fails", "shard-00003.zip": "missing"
    }  # fmt: skip


def test_verify_writes_a_damaged_index_anew(packed: Path, class_folder: Path) -> None:
    before = (packed / "index.npz").read_bytes()
    cut(packed / "index.npz")
    assert verify_pack(packed).index_written and (packed / "index.npz").read_bytes() == before
    with pytest.raises(UsageError, match=r"no pack; it has no pack\.json"):
        verify_pack(class_folder)


def test_a_stale_handle_is_opened_again(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, stale, pread = ImageFolder(str(packed)), [True], os.pread
    wanted = data[3]["inputs"]

    def once_stale(*arguments: Any) -> bytes:
        if stale and stale.pop():
            raise OSError(errno.ESTALE, "Stale file handle")
        return pread(*arguments)

    opened: list[str] = []
    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(os, "pread", once_stale)
    real = io.FileIO
    monkeypatch.setattr(io, "FileIO", lambda path, mode: opened.append(path) or real(path, mode))
    assert torch.equal(data[3]["inputs"], wanted) and data.bad_files == [] and opened == [f"{packed}/shard-00000.zip"]


def test_a_process_with_too_many_open_files_closes_some(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, refusals, real = ImageFolder(str(packed)), [True], io.FileIO

    def too_many(path: str, mode: str) -> Any:
        if path.endswith("3.zip") and refusals and refusals.pop():
            raise OSError(errno.EMFILE, "Too many open files", path)
        return real(path, mode)

    monkeypatch.setattr(io, "FileIO", too_many)
    data.source.opened._opened.clear()
    assert [data[i]["indices"] for i in (0, 12, 24, 35, 0)] == [0, 12, 24, 35, 0] and refusals == []


def test_more_shards_than_files_may_be_open(packed: Path, monkeypatch: pytest.MonkeyPatch, class_folder: Path) -> None:
    monkeypatch.setattr("mmmim.datasets.sources.open_files.MAX_OPEN", 2)
    assert_same(samples(packed), samples(class_folder))
    data = ImageFolder(str(packed))
    assert all(data[i]["indices"] == i for i in range(35, -1, -3)) and len(data.source.opened._opened) <= 2
