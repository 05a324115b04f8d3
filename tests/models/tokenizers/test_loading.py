"""Published files of DALL-E's and VQGAN's tokenizers are read without their packages."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_tokenizers import build, images, random
from torch import nn

from mmmim.registry import MODELS


def same(a: nn.Module, b: nn.Module) -> bool:
    theirs = dict(b.named_parameters())
    return all(torch.equal(value, theirs[name]) for name, value in a.named_parameters())


# ---------------------------------------------------------------- the published files of DALL-E


@pytest.mark.parametrize("folder", ["zip", "older"])
def test_pickled_modules_are_read_without_their_package(published: Any, folder: str) -> None:
    root, state = published
    tokenizer = build(checkpoint=str(root / folder))
    ids = tokenizer.encode(images(32, 48))
    assert tokenizer.decode(ids).shape == (2, 3, 32, 48)
    own = dict(tokenizer.named_parameters())
    assert own.keys() == state.keys() and all(torch.equal(own[name], value) for name, value in state.items())
    assert not any(name.startswith("dall_e") for name in sys.modules)


@pytest.mark.parametrize("wrap", [dict, lambda state: dict(state_dict=state, meta={}), lambda state: dict(model=state)])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_merged_state_dicts(published: Any, tmp_path: Path, wrap: Any, prefix: str) -> None:
    root, state = published
    torch.save(wrap({prefix + name: value for name, value in state.items()}), tmp_path / "dalle.pth")
    merged, parts = build(checkpoint=str(tmp_path / "dalle.pth")), build(checkpoint=str(root / "zip"))
    for tokenizer in (merged, parts):
        tokenizer.init_weights()
    assert same(merged, parts)


@pytest.mark.parametrize("prefix", ["", "encoder.", "module.encoder."])
def test_the_encoder_alone_encodes_and_says_what_decoding_needs(published: Any, tmp_path: Path, prefix: str) -> None:
    root, state = published
    encoder = {prefix + name.removeprefix("encoder."): v for name, v in state.items() if name.startswith("encoder.")}
    torch.save(dict(state_dict=encoder), tmp_path / "dalle_encoder.pth")
    tokenizer = build(checkpoint=str(tmp_path / "dalle_encoder.pth"))
    ids = tokenizer.encode(images(32, 48))
    assert torch.equal(ids, build(checkpoint=str(root / "zip")).encode(images(32, 48)))
    with pytest.raises(RuntimeError, match=r"(?s)dalle_encoder\.pth has the encoder only.*decoder\.pkl.*TinyDVAE"):
        tokenizer.decode(ids)


def test_a_folder_without_the_decoder(published: Any, tmp_path: Path) -> None:
    (tmp_path / "encoder.pkl").write_bytes((published[0] / "zip" / "encoder.pkl").read_bytes())
    tokenizer = build(checkpoint=str(tmp_path))
    tokenizer.encode(images(32, 48))
    with pytest.raises(RuntimeError, match=re.escape(f"{tmp_path / 'decoder.pkl'} is missing")):
        tokenizer.decode(torch.zeros(1, 2, 2, dtype=torch.long))
    (tmp_path / "encoder.pkl").rename(tmp_path / "decoder.pkl")
    with pytest.raises(RuntimeError, match=re.escape(f"there is no {tmp_path / 'encoder.pkl'}")):
        build(checkpoint=str(tmp_path)).init_weights()


def test_the_decoder_alone_is_refused(published: Any) -> None:
    with pytest.raises(RuntimeError, match=r"missing: encoder\.blocks\.input\.w"):
        build(checkpoint=str(published[0] / "zip" / "decoder.pkl")).init_weights()


# ---------------------------------------------------------------- the published files of VQGAN


def test_lightning_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are read, the loss is dropped, objects of other packages become nothing."""
    (tmp_path / "pytorch_lightning.py").write_text("class ModelCheckpoint:\n    best = 1\n", encoding="utf-8")
    (tmp_path / "omegaconf.py").write_text(
        "class DictConfig:\n    def __init__(self): self.content = {'a': {1, 2}}\n", encoding="utf-8"
    )
    source = random("VQGANTokenizer", save_weights=True)
    file = tmp_path / "last.ckpt"
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        from omegaconf import DictConfig  # type: ignore[import-not-found,unused-ignore]
        from pytorch_lightning import ModelCheckpoint  # type: ignore[import-not-found,unused-ignore]

        state = {**source.state_dict(), "loss.discriminator.main.0.weight": torch.zeros(3)}
        best = dict(score=np.float32(1.5), path=Path("a"), seen={1, 2})
        options = dict(callbacks={ModelCheckpoint: best}, hyper_parameters=DictConfig(), optimizer_states=[dict()])
        torch.save(dict(state_dict=state, epoch=3, **options), file)
        for name in ("omegaconf", "pytorch_lightning"):
            del sys.modules[name]
    tokenizer = build("VQGANTokenizer", checkpoint=str(file))
    tokenizer.init_weights()
    assert same(tokenizer, source)
    assert "omegaconf" not in sys.modules and "pytorch_lightning" not in sys.modules

    other = MODELS.build(dict(type="VQGANTokenizer", width=32, num_codes=1024, checkpoint=str(file)))
    with pytest.raises(
        RuntimeError, match=r"has 24 codes, the tokenizer num_codes=1024; set num_codes=24 or fetch .*80888"
    ):
        other.init_weights()
