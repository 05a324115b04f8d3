"""What --data reads besides folders gives the images, labels and samples of the folder it was made from."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from other_containers import (
    add_to_tar,
    as_caption,
    as_cls,
    as_json,
    as_text,
    as_word,
    save_to_disk,
    table_of,
    write_parquet,
    write_webdataset,
    write_zip,
)
from PIL import Image
from torch.utils.data import DataLoader

from mmmim.datasets import EpochSampler, ImageFolder, ImageList, use_folder
from mmmim.datasets.sources import find_in, open_source
from mmmim.datasets.sources import index as index_module
from mmmim.datasets.storage import is_storage_error
from mmmim.errors import MissingFileError, UsageError
from mmmim.launch.data_paths import missing_paths

CLASSES = ("cat", "ant", "bee")  # an order that sorting does not give


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMMIM_CACHE", str(tmp_path / "cache" / "mmmim"))


@pytest.fixture
def made(class_folder: Path, tmp_path: Path) -> Callable[[str], Path]:
    """``made(kind)``: the class folder in another form."""

    def make(kind: str) -> Path:
        out = tmp_path / "made" / kind
        if kind in ("stored.zip", "deflated.zip"):
            return write_zip(class_folder, out, zipfile.ZIP_STORED if kind == "stored.zip" else zipfile.ZIP_DEFLATED)
        if kind == "tars":
            write_webdataset(class_folder, f"{out}/{{}}.tar", label_file=as_word)
        elif kind == "one.tar":
            write_webdataset(class_folder, str(out), 1, label_file=as_word)
        elif kind == "folder.tar":
            out.parent.mkdir(parents=True, exist_ok=True)
            with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as archive:
                archive.add(class_folder, ".")
        elif kind == "arrow":
            save_to_disk(table_of(class_folder, ("ant", "bee", "cat")), out)
        elif kind == "parquet":
            write_parquet(table_of(class_folder, ("ant", "bee", "cat")), out / "0000.parquet")
        return out

    return make


KINDS = ["stored.zip", "deflated.zip", "tars", "one.tar", "folder.tar", "arrow", "parquet"]


def content(data: Any) -> set[tuple[bytes, int]]:
    return {(data[i]["inputs"].numpy().tobytes(), data[i]["labels"]) for i in range(len(data))}


@pytest.mark.parametrize("kind", KINDS)
def test_images_and_labels_are_those_of_the_folder(kind: str, made: Any, class_folder: Path) -> None:
    data, folder = ImageFolder(str(made(kind))), ImageFolder(str(class_folder))
    assert len(data) == 36 and data.classes == ("ant", "bee", "cat") and content(data) == content(folder)
    assert list(data.paths) == sorted(data.paths) and data.bad_files == []


@pytest.mark.parametrize("kind", ["stored.zip", "deflated.zip", "folder.tar"])
def test_names_are_those_of_the_folder_and_so_are_its_parts(
    kind: str, made: Any, class_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("ant/03.png\nbee/00.png\ncat/11.png\n", encoding="utf-8")
    for options in ({}, dict(subset="holdout", holdout=0.25), dict(keep=0.5), dict(list_file=f"{tmp_path}/list.txt")):
        data, folder = (ImageFolder(str(root), **options) for root in (made(kind), class_folder))
        assert list(data.paths) == list(folder.paths) and data.labels.tolist() == folder.labels.tolist()
        assert all(torch.equal(data[i]["inputs"], folder[i]["inputs"]) for i in range(0, len(data), 5))


def keys_and_pixels(root: str, workers: int) -> list[tuple[int, bytes]]:
    data = ImageFolder(root, [dict(type="RandomResizedCrop", size=8, scale=(0.2, 1.0), antialias=True)])
    loader = DataLoader(data, 4, sampler=EpochSampler(data, seed=5), num_workers=workers)
    found = []
    for batch in loader:
        rows = zip(batch["indices"], batch["inputs"], strict=True)
        found += [(int(i), pixels.numpy().tobytes()) for i, pixels in rows]
    assert data.bad_files == []
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_samples_do_not_depend_on_the_number_of_workers(kind: str, made: Any) -> None:
    root = str(made(kind))
    alone = keys_and_pixels(root, 0)
    assert len(alone) == 36 and keys_and_pixels(root, 2) == alone


def test_the_samples_of_a_zip_are_those_of_the_folder(made: Any, class_folder: Path) -> None:
    assert keys_and_pixels(str(made("stored.zip")), 0) == keys_and_pixels(str(class_folder), 0)


@pytest.mark.parametrize("kind", ["stored.zip", "tars", "arrow", "parquet"])
def test_a_source_reaches_spawned_processes(kind: str, made: Any) -> None:
    source = open_source(str(made(kind)))
    wanted = source.read(3)  # which opens files
    again = pickle.loads(pickle.dumps(source))
    assert again.read(3) == wanted
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(source.read, [3] * 8) == [wanted] * 8


@pytest.mark.parametrize("label_file", [as_cls, as_json, as_text])
def test_integer_labels_of_a_webdataset_keep_their_order(label_file: Any, class_folder: Path, tmp_path: Path) -> None:
    for number in range(3, 12):  # so that "10" comes before "2" when sorted as words
        shutil.copytree(class_folder / "ant", class_folder / f"more{number:02}")
    write_webdataset(class_folder, f"{tmp_path}/tars/{{}}.tar", label_file=label_file)
    data = ImageFolder(f"{tmp_path}/tars")
    assert data.classes == tuple(str(label) for label in range(12))
    assert all(data.name(i).split("/")[-2] == str(data[i]["labels"]) for i in range(0, len(data), 7))


def test_captions_are_no_labels(class_folder: Path, tmp_path: Path) -> None:
    write_webdataset(class_folder, f"{tmp_path}/tars/{{}}.tar", label_file=as_caption)
    data = ImageFolder(f"{tmp_path}/tars")
    assert data.classes == () and {data[i]["labels"] for i in range(36)} == {-1}


def test_labels_of_some_images_only_are_not_used(class_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    told: list[str] = []
    monkeypatch.setattr("mmmim.datasets.sources.tars.print_log", lambda text, *_, **__: told.append(text))
    for_two = lambda label, name: None if label == 2 else as_cls(label, name)  # noqa: E731
    write_webdataset(class_folder, f"{tmp_path}/tars/{{}}.tar", label_file=for_two)
    assert ImageFolder(f"{tmp_path}/tars").classes == ()
    assert told == [f"{tmp_path}/tars: 12 of 36 images have no label, so the labels are not used"]


def test_equal_keys_in_several_shards_stay_apart(class_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tars").mkdir()
    for shard in ("a", "b"):
        with tarfile.open(tmp_path / "tars" / f"{shard}.tar", "w") as archive:
            for i in range(3):
                add_to_tar(archive, f"{i}.png", (class_folder / "ant" / f"{i:02}.png").read_bytes())
    assert list(open_source(f"{tmp_path}/tars").names) == [
        "a/0.png",
        "a/1.png",
        "a/2.png",
        "b/0.png",
        "b/1.png",
        "b/2.png",
    ]


def test_names_of_classes_keep_the_order_of_a_table(class_folder: Path, tmp_path: Path) -> None:
    for root in (
        save_to_disk(table_of(class_folder, (*CLASSES, "dog")), tmp_path / "saved"),
        write_parquet(table_of(class_folder, (*CLASSES, "dog")), tmp_path / "train.parquet"),
    ):
        data = ImageFolder(str(root))
        assert data.classes == (*CLASSES, "dog")
        folder = ImageFolder(str(class_folder), classes=[*CLASSES, "dog"])
        assert content(data) == content(folder)


def test_rows_without_an_image_are_left_out(class_folder: Path, tmp_path: Path) -> None:
    import pyarrow as pa

    table = table_of(class_folder, CLASSES)
    rows = table.column("image").to_pylist()
    rows[4], rows[7] = None, dict(bytes=None, path="elsewhere.png")
    table = table.set_column(1, table.schema.field("image"), pa.array(rows, table.schema.field("image").type))
    source = open_source(str(save_to_disk(table, tmp_path / "saved")))
    assert len(source) == 34 and source.left_out == {"rows without an image": 2}
    assert content(ImageFolder(str(tmp_path / "saved"))) < content(ImageFolder(str(class_folder), classes=CLASSES))


def loader(**options: Any) -> dict:
    return dict(batch_size=4, num_workers=0, dataset=dict(type="ToyImages", num_images=9, transforms=[]), **options)


@pytest.fixture
def classify() -> Config:
    model = dict(type="mmmim.ImageClassifier", head=dict(type="LinearClsHead", num_classes=1000))
    return Config(dict(model=model, train_dataloader=loader(), val_dataloader=loader()))


def tables_in_folders(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        save_to_disk(table_of(folder, CLASSES), out / split)
    (out / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}', encoding="utf-8")


def tables_by_name(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        write_parquet(table_of(folder, CLASSES), out / "data" / f"{split}-00000-of-00001.parquet")


def tars_by_name(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        write_webdataset(folder, f"{out}/toy-{split}-{{}}.tar", label_file=as_word)


def tars_in_folders(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        write_webdataset(folder, f"{out}/{split}/{{}}.tar", label_file=as_word)


def zip_with_folders(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        shutil.copytree(folder, out.parent / "both" / split)
    write_zip(out.parent / "both", out)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (tables_in_folders, "saved"), (tables_by_name, "hub"), (tars_by_name, "tars"), (tars_in_folders, "tars"),
        (zip_with_folders, "both.zip"),
    ],
)  # fmt: skip
def test_splits_of_other_containers(
    write: Any, name: str, classify: Config, class_folder: Path, tmp_path: Path
) -> None:
    write(class_folder, tmp_path / "other" / name)
    cfg = use_folder(classify, f"{tmp_path}/other/{name}")
    for part, split in (("train", "train"), ("val", "validation")):
        dataset = cfg[f"{part}_dataloader"].dataset
        assert dataset.root == f"{tmp_path}/other/{name}/{split}"
        data = ImageFolder(**{key: value for key, value in dataset.items() if key != "type"})
        assert len(data) == 36 and data.classes == (CLASSES if "tables" in write.__name__ else ("ant", "bee", "cat"))
        assert missing_paths(cfg, f"{part}_dataloader") == {}
    assert cfg.model.head.num_classes == 3


def test_a_list_finds_images_inside_a_file(made: Any, class_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("./bee/03.png 1\nant/00.png 0\nno/where.png 2\n", encoding="utf-8")
    for root in (made("stored.zip"), class_folder):
        data = ImageList(str(root), f"{tmp_path}/list.txt")
        assert [int(data[i]["inputs"][0, 0, 0]) for i in (0, 1)] == [43, 0] and data.labels.tolist() == [1, 0, 2]
    source = find_in(str(made("stored.zip")), data.paths)
    with pytest.raises(ValueError, match="has no image of this name") as told:
        source.read(2)
    assert not is_storage_error(told.value)


def test_an_index_is_made_once_and_again_after_a_change(made: Any, tmp_path: Path, monkeypatch: Any) -> None:
    folder = made("tars")
    first = list(open_source(str(folder)).names)
    assert (folder / ".mmmim-index.npz").is_file()
    monkeypatch.setattr("mmmim.datasets.sources.tars._index", lambda *_: pytest.fail("listed again"))
    assert list(open_source(str(folder)).names) == first
    monkeypatch.undo()
    shutil.copy(folder / "0000.tar", folder / "0003.tar")
    assert len(open_source(str(folder))) == 48


def test_the_index_of_a_folder_that_cannot_be_written_goes_into_the_cache(made: Any, monkeypatch: Any) -> None:
    folder, write = made("arrow"), index_module.atomic_write

    def refuses(path: Path) -> Any:
        if path.parent == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return write(path)

    monkeypatch.setattr(index_module, "atomic_write", refuses)
    first = list(open_source(str(folder)).names)
    assert not (folder / ".mmmim-index.npz").exists()
    monkeypatch.setattr("mmmim.datasets.sources.arrow._index", lambda *_: pytest.fail("listed again"))
    assert list(open_source(str(folder)).names) == first


def test_a_damaged_index_is_made_again(made: Any) -> None:
    folder = made("tars")
    first = list(open_source(str(folder)).names)
    file = folder / ".mmmim-index.npz"
    file.write_bytes(file.read_bytes()[:100])
    assert list(open_source(str(folder)).names) == first


def damaged_tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        add_to_tar(archive, "a.png", bytes(5000))
    path.write_bytes(path.read_bytes()[:3000])


def compressed_tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        add_to_tar(archive, "a.png", bytes(5000))


def compressed_arrow(path: Path) -> None:
    import pyarrow as pa

    table = pa.table(dict(image=[b"x" * 10000] * 4))
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)


def numbers_only(path: Path) -> None:
    import pyarrow as pa

    write_parquet(pa.table(dict(a=[1, 2], b=[3, 4])), path)


def text(path: Path) -> None:
    path.write_text("no such container", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "write", "told"),
    [
        ("a.tar", damaged_tar, r"a\.tar' is no tar file, or a damaged one \(unexpected end of data\); copy it again"),
        ("a.tar", text, r"a\.tar' is no tar file"),
        ("a.tar.gz", compressed_tar, r"is compressed as a whole.*gunzip"),
        ("a.zip", text, r"is no ZIP file, or a damaged one"),
        ("a.arrow", text, r"is no Arrow file, or a damaged one"),
        ("a.arrow", compressed_arrow, r"is compressed, so that no image in it can be read alone; .*save_to_disk"),
        ("a.parquet", text, r"is no Parquet file, or a damaged one"),
        ("a.parquet", numbers_only, r"has no column of encoded images, only a, b"),
    ],
)
def test_what_cannot_be_read_is_one_line(name: str, write: Any, told: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    for location in (tmp_path / name, tmp_path):
        if name.endswith(".zip") and location == tmp_path:
            continue  # a folder with a ZIP file is a folder
        with pytest.raises(UsageError, match=told) as found:
            open_source(str(location))
        assert "\n" not in str(found.value)


def test_shards_of_two_kinds(tmp_path: Path) -> None:
    for name in ("a.tar", "b.parquet"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"holds 1 \.tar and 1 \.parquet files|holds 1 \.parquet and 1 \.tar files"):
        open_source(str(tmp_path))


def test_a_missing_pyarrow_is_named(made: Any, monkeypatch: Any) -> None:
    root = made("arrow")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"is read with pyarrow, which is missing .*pip install 'mmmim\[hf\]'"):
        open_source(str(root))


def test_a_container_without_images(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes.txt", "no image")
        archive.writestr("__MACOSX/._a.png", "no image")
    with pytest.raises(MissingFileError, match=r"no image below .*a\.zip.*there are 1 \.txt"):
        open_source(str(tmp_path / "a.zip"))
    with pytest.raises(MissingFileError, match=r"no image below .*a\.zip/train"):
        open_source(str(tmp_path / "a.zip" / "train"))


def test_a_name_that_is_nowhere_does_not_list_what_lies_above(class_folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("mmmim.datasets.sources.recognise.list_images", lambda *_: pytest.fail("listed a folder"))
    for missing in ("/no/such", f"{class_folder}/train", "nowhere"):
        with pytest.raises(MissingFileError, match="does not exist"):
            open_source(missing)


def test_images_inside_a_zip_that_is_damaged_later_are_bad_files(made: Any) -> None:
    root = made("stored.zip")
    data = ImageFolder(str(root))
    offset, length = (int(data.source.columns[name][5]) for name in ("offset", "length"))
    whole = bytearray(root.read_bytes())
    whole[offset + length // 2] ^= 1
    root.write_bytes(whole)
    assert data[5]["indices"] != 5 and data.bad_files == [f"{root}/ant/05.png"]


def test_a_grey_image_of_a_tar_is_read_in_colour(tmp_path: Path) -> None:
    Image.new("L", (8, 6), 7).save(tmp_path / "a.png")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "a.png", "x/a.png")
    assert ImageFolder(str(tmp_path / "a.tar"))[0]["inputs"].shape == (3, 6, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fingerprint_changes_with_the_images(kind: str, made: Callable[[str], Path]) -> None:
    place = made(kind)
    whole = ImageFolder(str(place)).fingerprint()
    assert whole is not None and ImageFolder(str(place)).fingerprint() == whole
    others = [
        ImageFolder(str(place), **options) for options in (dict(keep=0.5), dict(subset="train"), dict(channels=1))
    ]
    assert len({whole, *(other.fingerprint() for other in others)}) == 4
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    kept = ImageFolder(str(place))
    for file in files:
        os.utime(file, (7, 7))
    assert kept.fingerprint() not in (whole, None)
    for file in files:
        file.unlink()
    assert kept.fingerprint() is None
