"""What holds for every layout: what a file may hold, and how one that does not fit is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from mae_files import HEADS, converted, pretrained, written
from safetensors.torch import save_file
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.interop.convert import LAYOUTS, Choices, convert_file, read_source


class Evil:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_code_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    content = dict(model=pretrained(), args=Evil(tmp_path / "victim"))
    torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UsageError, match=r"refused: to read it, \w+\.mkdir would have to be called.*nothing was run"):
        converted(tmp_path / "evil.pth")
    assert not (tmp_path / "victim").exists() and not (tmp_path / "converted.pth").exists()


def test_safetensors_and_data_parallel_names(tmp_path: Path) -> None:
    state = pretrained()
    save_file(state, tmp_path / "mae.safetensors")
    assert set(converted(tmp_path / "mae.safetensors")[1].state) == {f"backbone.{name}" for name in state}
    written(tmp_path / "parallel.pth", {f"module.{name}": value for name, value in state.items()})
    assert set(converted(tmp_path / "parallel.pth")[1].state) == {f"backbone.{name}" for name in state}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("length", [0, 60, 0.5, 0.99])
def test_truncated_files_are_named_with_their_size(tmp_path: Path, suffix: str, length: float) -> None:
    file = tmp_path / f"mae{suffix}"
    save_file(pretrained(), file) if suffix == ".safetensors" else written(file, pretrained())
    content = file.read_bytes()
    size = int(length * len(content)) if isinstance(length, float) else length
    file.write_bytes(content[:size])
    with pytest.raises(UsageError, match=rf"mae{suffix}: {size:,} bytes, incomplete, damaged or no "):
        converted(file)


def test_files_that_hold_no_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.pth: does not exist"):
        read_source(tmp_path / "nowhere.pth")
    with pytest.raises(UsageError, match="is a folder"):
        read_source(tmp_path)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UsageError, match="holds a list, not the named tensors"):
        read_source(tmp_path / "list.pth")
    torch.save(dict(model={}, epoch=3), tmp_path / "empty.pth")
    with pytest.raises(UsageError, match=r"holds no tensors of a model.*it holds model, epoch"):
        read_source(tmp_path / "empty.pth")
    (tmp_path / "text.pth").write_text("hello", encoding="utf-8")
    with pytest.raises(UsageError, match="5 bytes, incomplete, damaged or no PyTorch file"):
        read_source(tmp_path / "text.pth")


def test_unknown_layouts_are_listed(tmp_path: Path) -> None:
    file = written(tmp_path / "resnet.pth", {f"layer{i}.conv.weight": torch.zeros(1) for i in range(9)})
    with pytest.raises(UsageError) as error:
        converted(file)
    lines = str(error.value).splitlines()
    assert "no layout fits" in lines[0] and lines[1].endswith("layer7.conv.weight and 1 more")
    assert [line.split(":")[0].strip() for line in lines[3:]] == list(LAYOUTS)
    with pytest.raises(UsageError, match="--from maee: unknown; did you mean 'mae'"):
        converted(file, layout="maee")
    with pytest.raises(UsageError, match=r"as layout 'mae': tensor backbone\.patch_embed\.proj\.weight is missing"):
        converted(file, layout="mae")
    first, _ = converted(written(tmp_path / "mae.pth", pretrained()))
    with pytest.raises(UsageError, match="if mmmim wrote it, it needs no conversion"):
        convert_file(first, tmp_path / "twice.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(pos_embed=None), r"tensor backbone\.pos_embed is missing"),
        ({"blocks.1.attn.qkv.bias": None}, r"1 missing .*: backbone\.blocks\.1\.attn\.qkv\.bias"),
        ({"norm.bias": None}, r"1 missing .*: backbone\.norm\.bias"),
        ({"cls_token": None}, "cls_token is missing, for which pos_embed has one of its 17 rows"),
        (
            {"blocks.3.norm1.weight": torch.zeros(32)},
            r"backbone\.blocks\.2 missing, though there is backbone\.blocks\.3",
        ),
        ({"blocks.0.ls1.gamma": torch.zeros(32)}, r"1 without a place in a ViT: blocks\.0\.ls1\.gamma"),
        ({"blocks.1.mlp.fc1.bias": torch.zeros(96)}, r"blocks\.1\.mlp\.fc1\.bias is \(96,\), must be \(128,\)"),
        (dict(pos_embed=torch.zeros(1, 17, 48)), r"pos_embed is \(1, 17, 48\), must be \(1, 17, 32\)"),
        ({"norm.bias": torch.full((32,), torch.nan)}, r"1 not finite: norm\.bias"),
        ({"decoder_norm.bias": None}, r"its neck does not fit MAEDecoder\(.*1 missing .*neck\.decoder_norm\.bias"),
        ({"decoder_embed.weight": None}, r"tensor neck\.decoder_embed\.weight is missing"),
        ({"patch_embed.proj.weight": torch.zeros(32, 192)}, r"has the shape \(32, 192\), not 4 dimensions"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, Tensor | None], message: str) -> None:
    state = {n: v for n, v in (pretrained(with_decoder=True) | change).items() if v is not None}
    with pytest.raises(UsageError, match=f"(?s)as layout 'mae': .*{message}"):
        converted(written(tmp_path / "mae.pth", state))
    assert not (tmp_path / "converted.pth").exists()


def test_heads_come_from_the_width_or_the_user(tmp_path: Path) -> None:
    file = written(tmp_path / "mae.pth", pretrained())
    with pytest.raises(UsageError, match=r"32 is no published width \(.*12 for 768, 16 for 1024, 16 for 1280\)"):
        converted(file, Choices())
    with pytest.raises(UsageError, match="embed_dims=32 is not divisible by num_heads=5"):
        converted(file, Choices(num_heads=5))


def test_a_lonely_mask_token_and_strangers_are_left_out_with_a_reason(tmp_path: Path) -> None:
    state = pretrained() | {"mask_token": torch.zeros(1, 1, 16), "projector.weight": torch.zeros(2)}
    _, conversion = converted(written(tmp_path / "mae.pth", state))
    assert conversion.left_out_by_reason() == {
        "belongs to a decoder that is not in the file": ["mask_token"],
        "the model has no place for it": ["projector.weight"],
    }


def test_the_input_is_not_overwritten(tmp_path: Path) -> None:
    file = written(tmp_path / "mae.pth", pretrained())
    with pytest.raises(UsageError, match="is the file to convert"):
        convert_file(file, file, choices=HEADS)
    with pytest.raises(UsageError, match="is a folder; give the name of a file"):
        convert_file(file, tmp_path, choices=HEADS)
