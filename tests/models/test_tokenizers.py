"""The published tokenizers: reading their files safely and strictly, and what holds for every image."""

from __future__ import annotations

import os
import pickle
import re
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmmim.models.tokenizers import DALLETokenizer, Tokenizer
from mmmim.models.tokenizers.dalle import Block
from mmmim.registry import MODELS

CODES = dict(num_codes=24)
TINY: dict[str, dict[str, Any]] = {
    "DALLETokenizer": dict(width=16, **CODES),
    "VQGANTokenizer": dict(width=32, **CODES),
}


def build(name: str = "DALLETokenizer", **kwargs: Any) -> Any:
    return MODELS.build(dict(type=name, **TINY[name], **kwargs))


def random(name: str = "DALLETokenizer", **kwargs: Any) -> Any:
    torch.manual_seed(0)
    return build(name, allow_random=True, **kwargs)


def images(*size: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(1).uniform(size=(2, 3, *size))).float()


def same(a: nn.Module, b: nn.Module) -> bool:
    theirs = dict(b.named_parameters())
    return all(torch.equal(value, theirs[name]) for name, value in a.named_parameters())


# ---------------------------------------------------------------- the published files of DALL-E

# In the manner of the published modules: the same names and attributes, shapes by width.
DALL_E = {
    "utils.py": """
        import torch
        from torch import nn

        class Conv2d(nn.Module):
            def __init__(self, n_in, n_out, kw, use_float16=True):
                super().__init__()
                self.n_in, self.n_out, self.kw, self.use_float16 = n_in, n_out, kw, use_float16
                self.device, self.requires_grad = torch.device("cpu"), False
                self.w = nn.Parameter(torch.randn(n_out, n_in, kw, kw) * (n_in * kw**2) ** -0.5)
                self.b = nn.Parameter(0.1 * torch.randn(n_out))
    """,
    "{half}.py": """
        from collections import OrderedDict
        from torch import nn
        from dall_e.utils import Conv2d

        class {Half}Block(nn.Module):
            def __init__(self, n_in, n_out, kernels):
                super().__init__()
                self.n_in, self.n_out, self.n_hid, self.post_gain = n_in, n_out, n_out // 4, 1 / 64
                self.id_path = Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
                widths = [n_in, self.n_hid, self.n_hid, self.n_hid, n_out]
                self.res_path = nn.Sequential(OrderedDict(
                    entry for i in range(4) for entry in [
                        (f"relu_{{i + 1}}", nn.ReLU()),
                        (f"conv_{{i + 1}}", Conv2d(widths[i], widths[i + 1], kernels[i])),
                    ]
                ))

        class {Half}(nn.Module):
            def __init__(self, first, widths, last, kernels, resize):
                super().__init__()
                blocks = [("input", first)]
                for i in range(4):
                    group = [
                        ("block_1", {Half}Block(widths[i], widths[i + 1], kernels)),
                        ("block_2", {Half}Block(widths[i + 1], widths[i + 1], kernels)),
                    ]
                    blocks.append((f"group_{{i + 1}}", nn.Sequential(OrderedDict(group + [resize] * (i < 3)))))
                blocks.append(("output", nn.Sequential(OrderedDict([("relu", nn.ReLU()), ("conv", last)]))))
                self.blocks = nn.Sequential(OrderedDict(blocks))
    """,
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folders of encoder.pkl and decoder.pkl in torch's present and older format, and their tensors.

    The package of their classes is gone when they are read.
    """
    root = tmp_path_factory.mktemp("published")
    package = root / "package" / "dall_e"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name, source in DALL_E.items():
        for half in ("encoder", "decoder") if "{" in name else (None,):
            text = textwrap.dedent(source)
            if half:
                text = text.format(Half=half.title())
            (package / name.format(half=half)).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(package.parent))
    try:
        from dall_e.decoder import Decoder  # type: ignore[import-not-found]
        from dall_e.encoder import Encoder  # type: ignore[import-not-found]
        from dall_e.utils import Conv2d  # type: ignore[import-not-found]

        width, codes = TINY["DALLETokenizer"]["width"], CODES["num_codes"]
        torch.manual_seed(1)
        halves = dict(
            encoder=Encoder(
                Conv2d(3, width, 7),
                [width, width, 2 * width, 4 * width, 8 * width],
                Conv2d(8 * width, codes, 1, use_float16=False),
                (3, 3, 3, 1),
                ("pool", nn.MaxPool2d(2)),
            ),
            decoder=Decoder(
                Conv2d(codes, width // 2, 1, use_float16=False),
                [width // 2, 8 * width, 4 * width, 2 * width, width],
                Conv2d(width, 6, 1),
                (1, 3, 3, 3),
                ("upsample", nn.Upsample(scale_factor=2, mode="nearest")),
            ),
        )
        for folder, zipped in (("zip", True), ("older", False)):
            (root / folder).mkdir()
            for half, module in halves.items():
                torch.save(module, root / folder / f"{half}.pkl", _use_new_zipfile_serialization=zipped)
    finally:
        sys.path.remove(str(package.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == "dall_e"]:
            del sys.modules[name]
    state = {f"{half}.{name}": value for half, module in halves.items() for name, value in module.state_dict().items()}
    return root, state


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


# ---------------------------------------------------------------- files that are refused


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
    with pytest.raises(RuntimeError, match=r"refused\. To read it, [\w.]+ would have to be called.*nothing was run"):
        build(checkpoint=str(file)).encode(images(32, 48))
    assert not witness.exists()


def test_torchscript_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dalle.pth"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in dict(version=b"3", data=b"", constants=b"").items():
            archive.writestr(f"dalle/{name}" + ".pkl" * (name != "version"), content)
    with pytest.raises(RuntimeError, match=r"refused\. To read it, TorchScript code would"):
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
    with pytest.raises(RuntimeError, match=r"damaged .*\(ValueError: wrong checksum of weights/data/\d+\)"):
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


# ---------------------------------------------------------------- computation


def test_lookup_is_the_convolution_of_one_hot_codes() -> None:
    tokenizer = random()
    layer = tokenizer.decoder.blocks.input
    nn.init.normal_(layer.b)
    ids = torch.from_numpy(np.random.RandomState(0).randint(0, 24, (2, 6, 4))).long()
    one_hot = F.one_hot(ids, 24).permute(0, 3, 1, 2).float()
    assert torch.equal(layer(ids), F.conv2d(one_hot, layer.w, layer.b))


def test_operations_in_place_leave_the_values() -> None:
    torch.manual_seed(0)
    for before in (16, 32):
        block = Block(before, 32, (3, 3, 3, 1), num_blocks=8)
        x = torch.randn(2, before, 6, 4)
        kept = x.clone()
        y = x
        for i in range(1, 5):
            layer = getattr(block.res_path, f"conv_{i}")
            y = F.conv2d(y.relu(), layer.w, layer.b, padding=layer.w.shape[-1] // 2)
        with torch.no_grad():
            out = block(x)
        assert torch.equal(x, kept)
        assert torch.equal(out, block.id_path(x) + y / 64)


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (5, 2)])
def test_any_multiple_of_the_stride_and_chunks(name: str, grid: tuple[int, int]) -> None:
    tokenizer = random(name)
    pixels = images(*(side * tokenizer.stride for side in grid))
    ids = tokenizer.encode(pixels)
    assert ids.shape == (2, *grid) and ids.dtype == torch.int64
    assert ids.min() >= 0 and ids.max() < tokenizer.num_codes
    decoded = tokenizer.decode(ids)
    assert decoded.shape == pixels.shape and decoded.min() >= 0 and decoded.max() <= 1
    chunked = random(name, chunk=1)
    assert torch.equal(chunked.encode(pixels), ids) and torch.allclose(chunked.decode(ids), decoded, atol=1e-4)


@pytest.mark.parametrize("place", [(0, 0), (1, 4), (2, 0), (3, 2)])
def test_codes_lie_where_their_pixels_lie(place: tuple[int, int]) -> None:
    """Row-major, images that are not square: what a bright cell changes most is its own code, and back."""
    tokenizer, s, (row, column) = random(), DALLETokenizer.stride, place
    black = torch.zeros(1, 3, 4 * s, 5 * s)
    bright = black.clone()
    bright[:, :, row * s : (row + 1) * s, column * s : (column + 1) * s] = 1
    with torch.no_grad():
        change = (tokenizer.encode_logits(bright) - tokenizer.encode_logits(black)).square().sum(1).flatten()
    assert int(change.argmax()) == row * 5 + column

    ids = torch.zeros(1, 4, 5, dtype=torch.long)
    other = ids.clone()
    other[0, row, column] = 7
    change = (tokenizer.decode(other) - tokenizer.decode(ids)).square().sum(1)
    assert int(F.avg_pool2d(change, s).flatten().argmax()) == row * 5 + column


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_low_precision_decides_between_codes_in_full_precision(name: str) -> None:
    tokenizer, low = random(name), random(name, dtype="bfloat16")
    seen: list[torch.dtype] = []
    inner = low.encoder.blocks.group_1.block_1.res_path.conv_1 if name == "DALLETokenizer" else low.encoder.conv_in
    inner.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    score = low.encode_logits

    def watched(part: Tensor) -> Tensor:
        scores = score(part)
        seen.append(scores.dtype)
        return scores

    low.encode_logits = watched
    pixels = images(64, 80).to(memory_format=torch.channels_last)
    agreement = (low.encode(pixels) == tokenizer.encode(pixels)).float().mean()
    assert seen == [torch.bfloat16, torch.float32] and agreement > 0.9
    ids = tokenizer.encode(pixels)
    assert low.decode(ids).dtype == torch.float32
    assert (low.decode(ids) - tokenizer.decode(ids)).abs().mean() < 0.01


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_images_in_low_precision_are_taken(name: str) -> None:
    tokenizer, pixels = random(name), images(32, 32).bfloat16()
    assert torch.equal(tokenizer.encode(pixels), tokenizer.encode(pixels.float()))


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_unfit_images(name: str) -> None:
    tokenizer: Tokenizer = random(name)
    with pytest.raises(ValueError, match="divide uint8 images by 255"):
        tokenizer.encode((images(32, 32) * 255).to(torch.uint8))
    with pytest.raises(ValueError, match=r"RGB images .* got torch.float32 \(2, 1, 32, 32\)"):
        tokenizer.encode(images(32, 32)[:, :1])
    with pytest.raises(ValueError, match=rf"\(32, 36\); choose multiples of {tokenizer.stride}"):
        tokenizer.encode(images(32, 36))


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_frozen_and_left_out_of_checkpoints(name: str) -> None:
    tokenizer, kept = random(name), random(name, save_weights=True)
    assert not any(value.requires_grad for value in tokenizer.parameters())
    assert not tokenizer.train().training
    assert not tokenizer.state_dict() and len(kept.state_dict()) == len(list(kept.parameters()))
    before = [value.clone() for value in tokenizer.parameters()]
    nn.ModuleDict(dict(tokenizer=tokenizer)).load_state_dict({}, strict=True)
    assert all(map(torch.equal, before, tokenizer.parameters()))


def test_decoding_alone_in_bfloat16() -> None:
    full, half = random(), random(decode_dtype="bfloat16")
    half.load_state_dict({k: v for k, v in full.named_parameters()}, strict=True)
    ids = full.encode(images(32, 32))
    assert torch.equal(half.encode(images(32, 32)), ids)
    difference = (half.decode(ids) - full.decode(ids)).abs()
    assert difference.max() > 0 and difference.mean() < 2e-3


def test_weights_in_a_checkpoint_need_no_file() -> None:
    kept = random(save_weights=True)
    resumed = build("DALLETokenizer", save_weights=True, checkpoint="nowhere.pth")
    resumed.load_state_dict(kept.state_dict())
    assert torch.equal(resumed.encode(images(32, 32)), kept.encode(images(32, 32)))


def test_built_on_the_meta_device() -> None:
    with torch.device("meta"):
        for name, codes in (("DALLETokenizer", 8192), ("VQGANTokenizer", 16384), ("VQGANTokenizer", 1024)):
            tokenizer = MODELS.build(dict(type=name, num_codes=codes, allow_random=True))
            assert tokenizer.num_codes == codes and all(value.is_meta for value in tokenizer.parameters())


@pytest.mark.parametrize(("name", "width"), [("DALLETokenizer", 6), ("VQGANTokenizer", 48)])
def test_unfit_width(name: str, width: int) -> None:
    with pytest.raises(ValueError, match=f"width={width} must be a multiple of"):
        MODELS.build(dict(type=name, width=width))


def test_operations_per_image_at_14_by_14_codes() -> None:
    """GMACs: DALL-E's at 112 pixels without its one-hot convolution, VQGAN's at 224 with the distances to all codes."""
    expected = dict(DALLETokenizer=(26.1, 29.3), VQGANTokenizer=(52.96 + 16384 * 256 * 196 / 1e9, 96.7))
    for name, counts in expected.items():
        with torch.device("meta"):
            tokenizer = MODELS.build(dict(type=name, allow_random=True))
            pixels = torch.empty(1, 3, 14 * tokenizer.stride, 14 * tokenizer.stride)
            for function, inputs, count in zip(
                (tokenizer.encode, tokenizer.decode), (pixels, torch.zeros(1, 14, 14).long()), counts, strict=True
            ):
                with FlopCounterMode(display=False) as counter:
                    function(inputs)
                assert counter.get_total_flops() / 2e9 == pytest.approx(count, abs=0.1)
