from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from mmmim.commands.visualize import main
from mmmim.models.backbones import BEiTViT, ViT
from mmmim.visualization.attention import attention_columns, cls_attention, encoders_of

ARCH = dict(embed_dims=32, depth=3, num_heads=4)
SIZE = dict(arch=ARCH, img_size=(32, 48), patch_size=8, in_channels=5)


def lively(encoder: Any) -> Any:
    torch.manual_seed(0)
    for parameter in encoder.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return encoder.eval()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (ViT, {}),
        (ViT, dict(mask_mode="replace", pos_embed="learned", out_type="avg")),
        (BEiTViT, {}),
        (BEiTViT, dict(rel_pos="block", mask_mode=None, out_type="cls", final_norm=False)),
        (BEiTViT, dict(rel_pos="none", qkv_bias="qkv", pos_embed="learned", layer_scale=None)),
        (BEiTViT, dict(drop_path_rate=0.5)),
    ],
)
@pytest.mark.parametrize("block", [-1, 0, 1])
def test_equals_attention_from_what_the_block_is_given(kind: type, options: dict, block: int) -> None:
    images, given = torch.randn(2, 5, 32, 48), dict[str, Any](bias=None)
    encoder = lively(kind(**SIZE, **options))
    attn = encoder.blocks[block].attn
    encoder.blocks[block].norm1.register_forward_hook(lambda module, args, output: given.update(x=output))
    attn.register_forward_pre_hook(lambda module, args: given.update(bias=args[1]))  # BEiT's
    with torch.no_grad():
        encoder(images)
        x, weight = given["x"].double(), attn.qkv.weight.double()  # (B,25,32)
        shift = attn.qkv.bias
        if shift is None:
            shift = torch.cat([attn.q_bias, torch.zeros(32), attn.v_bias])
        q, k, _ = (x @ weight.T + shift).unflatten(-1, (3, 4, 8)).unbind(2)  # (B,25,H,d)
        logits = torch.einsum("bihd,bjhd->bhij", q, k) / 8**0.5
        bias: Tensor | None = given["bias"]
        expected = (logits if bias is None else logits + bias).softmax(-1)
    found = cls_attention(encoder, images, block)
    assert found.shape == (2, 4, 4, 6)
    torch.testing.assert_close(found.double(), expected[:, :, 0, 1:].unflatten(-1, (4, 6)), rtol=0, atol=1e-6)
    torch.testing.assert_close(found.sum((2, 3)).double(), 1 - expected[:, :, 0, 0], rtol=0, atol=1e-5)
    assert cls_attention(encoder.train(), images, block).equal(found) and encoder.training


def test_logits_of_other_sizes_and_several_blocks() -> None:
    encoder = lively(BEiTViT(**SIZE))
    larger, same = (
        torch.randn(1, 5, 40, 48),
        lively(BEiTViT(**dict(SIZE, img_size=(40, 48)), pretrain_img_size=(32, 48))),
    )
    same.load_state_dict(encoder.state_dict())
    rows = encoder.cls_logits(encoder.embed(larger), (0, 2), grid=(5, 6))
    for row, other in zip(rows, same.cls_logits(same.embed(larger), (0, 2)), strict=True):
        assert row.shape == (1, 4, 31)
        torch.testing.assert_close(row, other, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match=r"layers=\[3\] out of range for depth 3"):
        encoder.cls_logits(encoder.embed(larger), (3,), grid=(5, 6))


def test_columns() -> None:
    maps, images = torch.rand(2, 4, 4, 6), torch.randint(256, (2, 3, 32, 48), dtype=torch.uint8)
    mean, third = attention_columns("run", maps, images, [3], "nearest", overlay=False)
    assert (mean.title, third.title) == ("run\nmean of heads", "run\nhead 3")
    cells = mean.images[1][::8, ::8]
    assert mean.images[1].shape == (32, 48) and (cells.min(), cells.max()) == (0, 1)
    flat = maps[1].mean(0).numpy()
    np.testing.assert_allclose(cells, (flat - flat.min()) / (flat.max() - flat.min()), atol=1e-6)
    assert (mean.images[1].reshape(4, 8, 6, 8) == cells[:, None, :, None]).all()
    assert len(attention_columns("run", maps, images, [], "bicubic", overlay=True)) == 5
    assert len(attention_columns("run", maps, images, None, "nearest", overlay=True)) == 1
    (over,) = attention_columns("run", maps, images, None, "nearest", overlay=True)
    brightest = np.unravel_index(mean.images[0].argmax(), (32, 48))
    yellow, pixel = np.array([0.993248, 0.906157, 0.143936]), images[0, :, brightest[0], brightest[1]].numpy() / 255
    np.testing.assert_allclose(over.images[0][brightest], 0.55 * yellow + 0.45 * pixel, atol=1e-5)


# ------------------------------------------------------------------ the tool

SMALL = "arch=dict(embed_dims=32, depth=2, num_heads=2), img_size=32, patch_size=8"
CONFIG = """
default_scope = "mmmim"
model = dict(
    type="MaskedImageModel",
    data_preprocessor=dict(type="ImagePreprocessor"),
    backbone=dict(BACKBONE),
)
"""


@pytest.fixture
def run(tmp_path: Path):
    """Writes a work directory, config and random weights, of an encoder."""

    def write(name: str, backbone: str = 'type="BEiTViT"') -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.py").write_text(
            CONFIG.replace("BACKBONE", backbone if "Swin" in backbone else f"{backbone}, {SMALL}"), encoding="utf-8"
        )
        encoder = dict(Config.fromfile(folder / "config.py").model.backbone)
        if (kind := encoder.pop("type")) in ("ViT", "BEiTViT"):
            model = dict(ViT=ViT, BEiTViT=BEiTViT)[kind](**encoder)
            state = {f"backbone.{name}": value for name, value in model.state_dict().items()}
            torch.save(dict(state_dict=state, meta=dict(mmmim=model.describe())), folder / "epoch_1.pth")
        return folder

    return write


def visualize(*words: str | Path) -> int:
    return main(["attention", *[str(word) for word in words]])


def test_several_checkpoints_of_several_methods(run, tmp_path: Path) -> None:
    beit, vit, out = run("beit"), run("vit", 'type="ViT"'), tmp_path / "out.png"
    words = ["--random-init", "--heads", "1", "--num", "2", "--names", "BEiT", "ViT", "--upsample", "bicubic"]
    assert visualize(beit, vit, *words, "--out", out) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    config = beit / "config.py"
    assert visualize(config, beit / "epoch_1.pth", beit, "--overlay", "--num", "1", "--out", out) == 0
    assert visualize(config, "--random-init", "--block", "0", "--num", "1", "--out", out) == 0


def test_which_encoders_are_drawn(run) -> None:
    beit, vit = str(run("beit")), str(run("vit", 'type="ViT"'))
    kinds = [(config.model.backbone.type, file) for config, file in encoders_of([beit, vit, beit], {}, True)]
    assert kinds == [("BEiTViT", None), ("BEiTViT", beit), ("ViT", None), ("ViT", vit), ("BEiTViT", beit)]
    words = [f"{beit}/config.py", "a.pth", "b.pth", f"{vit}/config.py", "c.pth"]
    kinds = [(config.model.backbone.type, file) for config, file in encoders_of(words, {}, False)]
    assert kinds == [("BEiTViT", "a.pth"), ("BEiTViT", "b.pth"), ("ViT", "c.pth")]


@pytest.mark.parametrize(
    ("backbone", "words", "message"),
    [
        ('type="ViT", with_cls_token=False', [], "the encoder ViT has no class token"),
        ('type="BEiTViT", rel_pos="block", window_size=2', [], "the encoder BEiTViT has no class token"),
        ('type="Swin", arch="tiny"', [], "the encoder Swin has no class token"),
        ('type="BEiTViT"', ["--block", "2"], "--block 2: the encoder has 2 blocks, 0 to 1"),
        ('type="BEiTViT"', ["--heads", "5"], "--heads [5]: the encoder has 2 heads, 0 to 1"),
        ('type="BEiTViT"', ["--names", "a", "b"], "1 to be named, got 2"),
    ],
)
def test_what_cannot_be_drawn(
    run, tmp_path: Path, capsys: pytest.CaptureFixture[str], backbone: str, words: list[str], message: str
) -> None:
    folder = run("run", backbone)
    assert visualize(folder, *words, "--num", "1", "--out", tmp_path / "out.png") == 2
    assert message in capsys.readouterr().err


def test_wrong_sources(run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beit, vit, out = run("beit"), run("vit", 'type="ViT"'), tmp_path / "out.png"
    assert visualize(beit / "config.py", "--out", out) == 2
    assert "give at least one checkpoint or RUN, or --random-init" in capsys.readouterr().err
    assert visualize(beit / "config.py", vit, "--out", out) == 2
    assert "does not belong to this config" in capsys.readouterr().err
    assert visualize(beit / "epoch_1.pth", "--out", out) == 2
    assert "holds no config" in capsys.readouterr().err
