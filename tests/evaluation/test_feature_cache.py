import multiprocessing
import os
import time

import pytest
import torch

from mmmim.errors import UsageError
from mmmim.evaluation import feature_cache
from mmmim.evaluation.feature_cache import FeatureCache
from mmmim.evaluation.features import Features

KEY = dict(encoder="a", images="b", precision=[False, "fp32"])


@pytest.fixture
def told(monkeypatch):
    lines = []
    monkeypatch.setattr(feature_cache, "print_log", lambda text, **_: lines.append(text))
    return lines


def features(value=0.0, rows=10):
    return Features(torch.full((rows, 4), value), torch.arange(rows))


def same(found, expected):
    return found is not None and torch.equal(found.x, expected.x) and torch.equal(found.y, expected.y)


def test_features_come_back_under_their_key_alone(tmp_path, told):
    cache = FeatureCache(tmp_path / "new" / "folder")
    assert cache.load(KEY) is None
    cache.store(KEY, features(1))
    cache.store(dict(KEY, encoder="c"), features(2))
    assert same(cache.load(KEY), features(1)) and same(cache.load(dict(KEY, encoder="c")), features(2))
    assert cache.load(dict(KEY, precision=[True, "fp32"])) is None
    assert same(FeatureCache(tmp_path / "new" / "folder").load(KEY), features(1)) and not told
    assert all(file.suffix == ".safetensors" for file in cache.folder.iterdir())


def truncate(content):
    return content[:-100]


def flip_a_bit(content):
    return content[:-7] + bytes([content[-7] ^ 1]) + content[-6:]


def of_another_kind(content):
    return b"PK\x03\x04 no features"


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, of_another_kind, lambda _: b""])
def test_a_damaged_file_is_named_and_written_again(tmp_path, told, damage):
    cache = FeatureCache(tmp_path)
    cache.store(KEY, features())
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert cache.load(KEY) is None
    assert len(told) == 1 and str(file) in told[0] and "computed again" in told[0]
    cache.store(KEY, features())
    assert same(cache.load(KEY), features())


def test_nothing_of_a_foreign_file_is_executed(tmp_path, told):
    cache = FeatureCache(tmp_path)
    cache.store(KEY, features())
    (file,) = tmp_path.iterdir()
    torch.save(dict(x=torch.zeros(1), run=os.getcwd), file)
    assert cache.load(KEY) is None and len(told) == 1


def test_a_folder_that_cannot_be_written_is_read(tmp_path, told, monkeypatch):
    cache = FeatureCache(tmp_path)
    cache.store(KEY, features())

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(feature_cache, "save_file", refuse)
    monkeypatch.setattr(feature_cache.os, "utime", refuse)
    assert same(cache.load(KEY), features()) and not told
    cache.store(dict(KEY, encoder="c"), features(2))
    assert len(told) == 1 and "not kept" in told[0] and "Permission denied" in told[0]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_place_where_no_folder_can_be_made_keeps_nothing(tmp_path, told):
    (tmp_path / "file").touch()
    FeatureCache(tmp_path / "file" / "below").store(KEY, features())
    assert len(told) == 1 and "not kept" in told[0]
    with pytest.raises(UsageError, match="is a file"):
        FeatureCache(tmp_path / "file")


def test_the_least_recently_used_files_make_room(tmp_path, told):
    cache = FeatureCache(tmp_path)
    for name in "ab":
        cache.store(dict(KEY, encoder=name), features())
    cache.max_bytes = sum(file.stat().st_size for file in tmp_path.iterdir())
    for age, file in enumerate(sorted(tmp_path.iterdir(), key=lambda file: file.stat().st_mtime_ns)):
        os.utime(file, (1000 + age, 1000 + age))
    assert cache.load(dict(KEY, encoder="a")) is not None  # used just now
    cache.store(dict(KEY, encoder="c"), features())
    kept = [name for name in "abc" if cache.load(dict(KEY, encoder=name)) is not None]
    assert kept == ["a", "c"]
    cache.store(dict(KEY, encoder="d"), features(rows=1000))  # larger than the folder
    assert len(told) == 1 and "not kept" in told[0]
    assert cache.load(dict(KEY, encoder="c")) is not None


def test_remains_of_killed_processes_are_removed(tmp_path):
    old, new = tmp_path / "x.17.part", tmp_path / "y.18.part"
    for file in (old, new):
        file.touch()
    os.utime(old, (time.time() - 2 * feature_cache.ABANDONED,) * 2)
    FeatureCache(tmp_path).store(KEY, features())
    assert not old.exists() and new.exists()


def _write_and_read(folder, number, results):
    torch.set_num_threads(1)
    cache, bad = FeatureCache(folder), 0
    for _ in range(30):
        cache.store(KEY, features(float(number), rows=500))
        found = cache.load(KEY)
        bad += found is None or found.x.unique().numel() != 1
    results.put(bad)


def test_processes_that_write_the_same_file_never_see_half_of_it(tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_write_and_read, args=(tmp_path, number, results)) for number in range(3)]
    for process in processes:
        process.start()
    assert [results.get(timeout=300) for _ in processes] == [0, 0, 0]
    for process in processes:
        process.join()
    assert [file.suffix for file in tmp_path.iterdir()] == [".safetensors"]


def test_the_folder_is_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MMMIM_CACHE", str(tmp_path / "own"))
    assert FeatureCache().folder == tmp_path / "own" / "features"
    monkeypatch.delenv("MMMIM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert FeatureCache().folder == tmp_path / "cache" / "mmmim" / "features"
