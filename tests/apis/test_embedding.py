from __future__ import annotations

import builtins
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import mmmim
from mmmim.apis import Embeddings, TrainingResult
from mmmim.errors import UsageError


@pytest.fixture(scope="module")
def table(trained: TrainingResult, pictures: Path) -> Embeddings:
    return mmmim.embed(trained.work_dir, pictures, cache=False)


def test_rows_are_the_encoder_s_features_in_the_order_of_the_names(
    table: Embeddings, trained: TrainingResult, pictures: Path
) -> None:
    assert table.names == sorted(table.names) and len(table) == 12
    assert table.classes == ("blue", "red") and table.class_names() == ["blue"] * 6 + ["red"] * 6
    encoder = mmmim.load_encoder(trained.work_dir)
    images = torch.stack([encoder.default_transform(pictures / name) for name in table.names])
    with torch.no_grad():
        np.testing.assert_allclose(table.features, encoder(images).numpy(), rtol=1e-4, atol=1e-5)


def test_an_encoder_is_taken_as_well(table: Embeddings, trained: TrainingResult, pictures: Path) -> None:
    encoder = mmmim.load_encoder(trained.work_dir, pool="cls")
    found = mmmim.embed(encoder, pictures, cache=False)
    assert found.facts["pool"] == "cls" and not np.allclose(found.features, table.features)


def test_an_encoder_in_training_stays_as_it_is(pictures: Path) -> None:
    encoder = mmmim.get_model("simmim/swin-tiny_toy").train()
    mmmim.embed(encoder, pictures, cache=False, workers=0)
    assert all(module.training for module in encoder.modules())
    encoder(torch.randn(2, 3, *encoder.img_size)).sum().backward()  # no buffer is one of inference mode


def test_a_file_that_cannot_be_read_has_no_row(trained: TrainingResult, pictures: Path, tmp_path: Path) -> None:
    for name in ("a", "c"):
        (tmp_path / f"{name}.png").write_bytes(next((pictures / "red").iterdir()).read_bytes())
    (tmp_path / "b.png").write_bytes(b"no picture")
    found = mmmim.embed(trained.work_dir, tmp_path, cache=False, workers=0)
    assert found.names == ["a.png", "c.png"] and found.features.shape == (2, 16)
    assert found.class_names() == ["", ""]


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_table_is_read_by_other_libraries(suffix: str, table: Embeddings, tmp_path: Path) -> None:
    file = table.save(tmp_path / "new" / f"features{suffix}")
    if suffix == ".npz":
        stored: Any = np.load(file)
        names, features, facts = stored["names"].tolist(), stored["features"], json.loads(str(stored["facts"]))
    else:
        from pyarrow import parquet

        read = parquet.read_table(file)
        names, features = read["name"].to_pylist(), np.array(read["features"].to_pylist(), np.float32)
        facts = json.loads(read.schema.metadata[b"mmmim"])
        assert read["class"].to_pylist() == table.class_names()
    assert names == table.names and np.array_equal(features, table.features) and facts == table.facts


def test_bad_input_is_one_line(
    table: Embeddings, trained: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"must end in \.npz or \.parquet"):
        table.save(tmp_path / "features.csv")
    with pytest.raises(UsageError, match="no image"):
        mmmim.embed(trained.work_dir, tmp_path)
    with pytest.raises(UsageError, match=r"device='cudaa' cannot be used here .*choose one of cpu"):
        mmmim.embed(trained.work_dir, tmp_path, device="cudaa")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file/a\.npz: cannot be written \(.*\); choose another place"):
        table.save(tmp_path / "file" / "a.npz")
    real = builtins.__import__

    def without_pyarrow(name: str, *rest: Any) -> Any:
        if name.startswith(("pandas", "pyarrow")):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(UsageError, match=r"needs pyarrow: pip install 'mmmim\[hf\]'; or write \.npz"):
        table.save(tmp_path / "features.parquet")
    with pytest.raises(UsageError, match="to_pandas needs pandas: pip install pandas"):
        table.to_pandas()


def test_a_file_stays_as_it_was_until_the_new_one_is_complete(
    table: Embeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = table.save(tmp_path / "a.npz")
    before = file.read_bytes()

    def killed(opened: Any, **_: Any) -> None:
        opened.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        table.save(file)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_a_data_frame_has_a_row_for_each_image(table: Embeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))  # called with a dict of columns
    frame = table.to_pandas()
    assert frame["name"] == table.names and frame["class"] == table.class_names()
    assert np.array_equal(np.stack(frame["features"]), table.features)


def test_neighbours_are_the_nearest_by_cosine(table: Embeddings) -> None:
    x = table.features / np.linalg.norm(table.features, axis=1, keepdims=True)
    similar = x @ x.T
    np.fill_diagonal(similar, -2)
    found = table.neighbours([0, 5], k=3)
    for row, near in zip([0, 5], found, strict=True):
        assert row not in near and similar[row, near].tolist() == pytest.approx(sorted(similar[row])[::-1][:3])
    assert table.neighbours([1], k=100).shape == (1, 11)
