"""Files that are no tokenizer's are refused, and no code in them is run."""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_tokenizers import build, images, random


class Call:
    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("function", ["os.system", "eval", "getattr", "torch.load", "_load_from_bytes"])
def test_code_in_a_file_is_not_run(tmp_path: Path, published: Any, function: str, zipped: bool) -> None:
    witness, inner = tmp_path / "witness", tmp_path / "inner.pkl"
    write = f"open({str(witness)!r}, 'w').close()"
    inner.write_bytes(pickle.dumps(Call(eval, write)))
    evil = {
        "os.system": Call(os.system, f"touch {witness}"),
        "eval": Call(eval, write),
        "getattr": Call(getattr, Call(eval, write), "real"),
        "torch.load": Call(torch.load, str(inner)),
        "_load_from_bytes": Call(torch.storage._load_from_bytes, inner.read_bytes()),  # which unpickles anything
    }[function]
    file = tmp_path / "dalle.pth"
    torch.save(dict(state_dict=published[1], evil=evil), file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        RuntimeError, match=r"refused: to read it, [\w.]+ would have to be called.*nothing was run.*https://"
    ):
        build(checkpoint=str(file)).encode(images(32, 48))
    assert not witness.exists()


def test_torchscript_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dalle.pth"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in dict(version=b"3", data=b"", constants=b"").items():
            archive.writestr(f"dalle/{name}" + ".pkl" * (name != "version"), content)
    with pytest.raises(RuntimeError, match=r"refused: to read it, TorchScript code would"):
        build(checkpoint=str(file)).init_weights()


def test_a_file_changes_no_function_of_torch(tmp_path: Path) -> None:
    file, before = tmp_path / "dalle.pth", torch._utils._rebuild_tensor_v2.__doc__
    start: list[Any] = [torch.serialization.MAGIC_NUMBER, 1001, {}]
    header = b"".join(pickle.dumps(value, 2) for value in start)
    changes = b"(N}X\x07\0\0\0__doc__X\x04\0\0\0evilstb"  # what a pickle does with __slots__
    file.write_bytes(header + b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + changes + b"." + pickle.dumps([], 2))
    with pytest.raises(RuntimeError, match="incomplete, damaged or no PyTorch file"):
        build(checkpoint=str(file)).init_weights()
    assert torch._utils._rebuild_tensor_v2.__doc__ == before


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
@pytest.mark.parametrize(("zipped", "keep"), [(True, 0.5), (True, 0.999), (False, 0.0), (False, 0.001), (False, 0.999)])
def test_truncated_file(tmp_path: Path, published: Any, name: str, zipped: bool, keep: float) -> None:
    file = tmp_path / "weights.pth"
    torch.save(published[1], file, _use_new_zipfile_serialization=zipped)
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(RuntimeError, match=r"weights\.pth: [\d,]+ bytes, incomplete, damaged or no PyTorch file.*http"):
        build(name, checkpoint=str(file)).init_weights()


def test_flipped_bit(tmp_path: Path, published: Any) -> None:
    torch.save(published[1], tmp_path / "weights.pth")
    content = bytearray((tmp_path / "weights.pth").read_bytes())
    content[len(content) // 2] ^= 4
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(RuntimeError, match=r"damaged .*\(ValueError: the checksum of weights/data/\d+ is wrong\)"):
        build(checkpoint=str(tmp_path / "weights.pth")).init_weights()


@pytest.mark.parametrize("content", [{}, [1, 2], 3, dict(state_dict={}), dict(epoch=1)])
def test_file_without_tensors(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(RuntimeError, match=r"weights\.pth: holds no tensors of a model; fetch https://cdn"):
        build(checkpoint=str(tmp_path / "weights.pth")).init_weights()


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_missing_surplus_and_reshaped_tensors_are_listed_in_one_error(tmp_path: Path, name: str) -> None:
    source = random(name, save_weights=True)
    state = dict(source.state_dict())
    first, *_, last = [key for key in state if key.startswith("decoder.")]
    del state[first]
    state[last] = state[last].new_zeros(5)
    state["decoder.surplus"] = torch.zeros(1)
    torch.save(state, tmp_path / "weights.pth")
    tokenizer = build(name, checkpoint=str(tmp_path / "weights.pth"))
    told = (
        rf"(?s)1 missing: {re.escape(first)}\n  1 unknown: decoder\.surplus\n"
        rf"  1 of another shape: {re.escape(last)} \(5,\) instead of \(\d+,\)\n.*TinyDVAE"
    )
    with pytest.raises(RuntimeError, match=told):
        tokenizer.init_weights()
    assert not tokenizer.loaded


@pytest.mark.parametrize(
    ("name", "place", "url"),
    [
        ("DALLETokenizer", "data/tokenizers/dalle", "https://cdn.openai.com/dall-e/encoder.pkl"),
        ("VQGANTokenizer", "data/tokenizers/vqgan_imagenet_f16_24.ckpt", "https://heibox.uni-heidelberg.de/d/"),
    ],
)
def test_missing_file_says_where_it_comes_from(
    name: str, place: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = build(name)
    told = rf"(?s)there is no {re.escape(place)}.*{re.escape(url)}.*tokenizer=dict\(type='TinyDVAE'\)"
    with pytest.raises(RuntimeError, match=told):
        tokenizer.encode(images(32, 48))
    with pytest.raises(RuntimeError, match=told):
        tokenizer.decode(torch.zeros(1, 2, 2, dtype=torch.long))
    with pytest.raises(RuntimeError, match="checkpoint=None names no file"):
        build(name, checkpoint=None).encode(images(32, 48))
