"""Official files of BEiT and ConMIM become checkpoints of ours."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from official_names import beit_finetuned, beit_pretrained, conmim_projectors, drawn, linear, without_buffers
from timm.models import beit
from torch import Tensor, nn

from mmmim.checkpoint.names import strip_prefix
from mmmim.errors import UsageError
from mmmim.interop.convert import Choices, Conversion, Source, convert, convert_file
from mmmim.models.backbones import BEiTViT
from mmmim.models.classifiers import ImageClassifier
from mmmim.models.necks import LinearDecoder, PatchProjector

ARCH = dict(embed_dims=32, depth=2, num_heads=4)
BACKBONE = dict(type="mmmim.BEiTViT", arch=ARCH, img_size=32, patch_size=8)
IMAGES = torch.randn(2, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def converted(path: Path, state: dict[str, Tensor], layout: str | None = None, **others: Any) -> Conversion:
    torch.save(dict(model=state, **others), path)
    return convert_file(path, path.with_name("converted.pth"), layout)[1]


def timm_beit(state: dict[str, Tensor], **settings: Any) -> beit.Beit:
    model = beit.Beit(
        img_size=32,
        patch_size=8,
        embed_dim=32,
        depth=2,
        num_heads=4,
        init_values=0.1,
        use_abs_pos_emb=False,
        **settings,
    )
    model.load_state_dict(beit.checkpoint_filter_fn(dict(model=state), model))
    return model.double().eval()


# ---------------------------------------------------------------- BEiT


def test_beit_s_pre_training_file_is_the_whole_model_and_gives_timm_s_features(tmp_path: Path) -> None:
    state = drawn(beit_pretrained() | linear("lm_head", 32, 64))
    conversion = converted(tmp_path / "beit_base_patch16_224_pt22k.pth", state, epoch=799)
    assert conversion.layout == "beit" and conversion.contents() == "backbone 37, neck 2"
    assert conversion.left_out == {
        "rel_pos_bias.relative_position_index": "is computed from the architecture",
    }
    stored = torch.load(tmp_path / "converted.pth", weights_only=True)
    assert stored["meta"]["mmmim"]["epoch"] == 800 and stored["meta"]["mmmim"]["rel_pos"] == "shared"
    model = nn.ModuleDict(dict(backbone=BEiTViT(ARCH, 32, 8), neck=LinearDecoder(32, 64, num_prefix=1)))
    model.load_state_dict(stored["state_dict"])
    encoder_only = {name: value for name, value in state.items() if not name.startswith(("lm_head", "mask_token"))}
    theirs = timm_beit(encoder_only, num_classes=0, global_pool="", use_shared_rel_pos_bias=True)
    with torch.no_grad():
        features = theirs.forward_features(IMAGES)
        ours = model.double().eval()["backbone"](IMAGES)[-1]
    assert features.std() > 0.1
    torch.testing.assert_close(ours, features, rtol=0, atol=1e-10)
    assert torch.equal(stored["state_dict"]["neck.layers.0.weight"], state["lm_head.weight"])


@pytest.mark.parametrize("last", ["fc_norm", "norm"])
def test_a_fine_tuned_file_classifies_as_timm_does(tmp_path: Path, last: str) -> None:
    state = drawn(beit_finetuned(last=last))
    conversion = converted(tmp_path / "beit_base_patch16_224_pt22k_ft1k.pth", state)
    pool = dict(global_pool="avg") if last == "fc_norm" else dict(global_pool="token", use_fc_norm=False)
    theirs = timm_beit(state, num_classes=5, use_rel_pos_bias=True, **pool)
    settings = dict(out_type="avg", final_norm=False) if last == "fc_norm" else dict(out_type="cls")
    model = ImageClassifier(
        backbone=dict(BACKBONE, rel_pos="block", mask_mode=None, **settings),
        head=dict(type="mmmim.LinearClsHead", num_classes=5, in_channels=32, norm="ln" if last == "fc_norm" else ()),
    )
    model.load_state_dict(torch.load(tmp_path / "converted.pth")["state_dict"])
    with torch.no_grad():
        logits = theirs(IMAGES)
        torch.testing.assert_close(model.double().eval()(IMAGES), logits, rtol=0, atol=1e-10)
    assert logits.std() > 0.1
    assert (conversion.meta["stage"], conversion.meta["rel_pos"]) == ("ft", "block")
    assert set(conversion.left_out) == {f"blocks.{index}.attn.relative_position_index" for index in range(2)}


def test_files_of_deepspeed_keep_their_weights_as_module(tmp_path: Path) -> None:
    state = drawn(beit_finetuned())
    torch.save(dict(module=state, ds_version="0.4.0"), tmp_path / "mp_rank_00_model_states.pt")
    _, conversion = convert_file(tmp_path / "mp_rank_00_model_states.pt", tmp_path / "out.pth")
    assert conversion.layout == "beit" and len(conversion.state) == len(without_buffers(state))


@pytest.mark.parametrize(
    ("layout", "options", "mean"),
    [
        ("beit", {}, 127.5),
        ("conmim", {}, 123.675),
        ("simmim", {}, 123.675),
        ("beit", dict(imagenet_default_mean_and_std=True), 123.675),
        ("beit", dict(imagenet_default_mean_and_std=False), 127.5),
    ],
)
def test_mean_and_deviation_are_the_run_s_or_the_method_s(
    tmp_path: Path, layout: str, options: dict, mean: float
) -> None:
    args = dict(args=argparse.Namespace(**options)) if options else {}
    conversion = converted(tmp_path / "ft.pth", drawn(beit_finetuned()), layout, **args)
    assert conversion.meta["mean"][0] == mean and (conversion.meta["std"][0] == 127.5) == (mean == 127.5)
    assert (conversion.note is not None) == (not options and layout != "simmim")


@pytest.mark.parametrize(("arch", "dims", "depth", "heads"), [("small", 384, 12, 6), ("base", 768, 12, 12)])
def test_published_sizes_by_names_and_shapes(arch: str, dims: int, depth: int, heads: int) -> None:
    shapes = beit_pretrained(dims, depth, heads, 14, 16) | linear("lm_head", dims, 8192)
    state = {name: torch.ones((), dtype=torch.bfloat16).expand(shape) for name, shape in shapes.items()}
    conversion = convert(Source("beit_pt22k.pth", state, None, []))
    with torch.device("meta"):
        encoder = BEiTViT(arch)
        decoder = LinearDecoder(dims, 8192, num_prefix=1)
    ours = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    assert strip_prefix({n: tuple(v.shape) for n, v in conversion.state.items()}, "backbone.") == ours
    assert len(conversion.state) == 15 * depth + 9 and conversion.meta["arch"] == arch
    assert conversion.parts["neck"].state_dict().keys() == decoder.state_dict().keys()
    assert (conversion.meta["num_heads"], conversion.meta["img_size"]) == (heads, [224, 224])


def test_absolute_positions_are_kept(tmp_path: Path) -> None:
    shapes = {name: shape for name, shape in beit_pretrained().items() if not name.startswith("rel_pos_bias")}
    state = drawn(shapes | dict(pos_embed=(1, 17, 32)))
    torch.save(dict(model=state), tmp_path / "abs.pth")
    with pytest.raises(UsageError, match="32 is no published width"):
        convert_file(tmp_path / "abs.pth", tmp_path / "out.pth")
    _, conversion = convert_file(tmp_path / "abs.pth", tmp_path / "out.pth", choices=Choices(num_heads=4))
    assert (conversion.meta["rel_pos"], conversion.meta["pos_embed"]) == ("none", "learned")
    del state["pos_embed"]
    torch.save(dict(model=state), tmp_path / "none.pth")
    with pytest.raises(UsageError, match="has no positions, neither absolute nor relative: give --img-size H W"):
        convert_file(tmp_path / "none.pth", tmp_path / "out.pth", choices=Choices(num_heads=4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks.1.attn.v_bias": None}, r"1 missing .*: backbone\.blocks\.1\.attn\.v_bias"),
        ({"blocks.1.gamma_2": None}, r"1 missing .*: backbone\.blocks\.1\.gamma_2"),
        ({"blocks.1.attn.k_bias": torch.zeros(32)}, r"1 without a place in a BEiTViT: blocks\.1\.attn\.k_bias"),
        ({"rel_pos_bias.relative_position_bias_table": torch.zeros(50, 4)}, "has 50 rows, which no square window"),
        ({"rel_pos_bias.relative_position_bias_table": torch.zeros(52, 8)}, None),
        ({"rel_pos_bias.relative_position_bias_table": torch.zeros(52)}, r"the shape \(52,\), not 2 dimensions"),
        ({"lm_head.bias": None}, r"its neck does not fit LinearDecoder.*1 missing .*neck\.layers\.0\.bias"),
        ({"blocks.0.norm1.weight": torch.full((32,), torch.inf)}, r"1 not finite: blocks\.0\.norm1\.weight"),
        ({"blocks.0.norm1.weight": torch.zeros(16)}, r"blocks\.0\.norm1\.weight is \(16,\), must be \(32,\)"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict, message: str | None) -> None:
    changed = drawn(beit_pretrained() | linear("lm_head", 32, 64)) | change
    state = {name: value for name, value in changed.items() if value is not None}
    if message is None:  # the table's columns are the heads
        assert converted(tmp_path / "beit.pth", state).meta["num_heads"] == 8
        return
    with pytest.raises(UsageError, match=f"(?s)as layout 'beit': .*{message}"):
        converted(tmp_path / "beit.pth", state)
    assert not (tmp_path / "converted.pth").exists()


class Evil:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.victim),)


def test_pickled_code_is_refused_and_not_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="refused: to read it"):
        converted(tmp_path / "evil.pth", drawn(beit_pretrained()), args=Evil(tmp_path / "victim"))
    assert not (tmp_path / "victim").exists() and not (tmp_path / "converted.pth").exists()


# ---------------------------------------------------------------- ConMIM


@pytest.mark.parametrize(
    ("file", "note"),
    [
        ("checkpoint_copy-799.pth", "this is the slow encoder, which the authors fine-tune"),
        ("checkpoint-799.pth", r"this is the trained encoder; the authors fine-tune .*checkpoint_copy-\*\.pth"),
        ("conmim.pth", "does not say which encoder"),
    ],
)
def test_conmim_s_pre_training_files(tmp_path: Path, file: str, note: str) -> None:
    state = drawn(beit_pretrained() | linear("lm_head", 32, 64) | conmim_projectors())
    conversion = converted(tmp_path / file, state)
    assert conversion.layout == "conmim"
    assert conversion.left_out_by_reason() == {
        "is computed from the architecture": ["rel_pos_bias.relative_position_index"],
        "BEiT's head, which ConMIM does not train": ["lm_head.weight", "lm_head.bias"],
    }
    BEiTViT(ARCH, 32, 8).load_state_dict(strip_prefix(conversion.state, "backbone."))
    PatchProjector(32, 16, 48).load_state_dict(strip_prefix(conversion.state, "neck."))
    assert torch.equal(conversion.state["neck.layers.4.running_var"], state["projectors.4.running_var"])
    assert re.search(note, conversion.note or "")
