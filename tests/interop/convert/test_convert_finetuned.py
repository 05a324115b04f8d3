"""Files that SimMIM's authors fine-tuned, and those of SwinV2, become checkpoints of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from official_names import BUFFERS, beit_finetuned, drawn, linear, simmim_pretrained, swin
from timm.models import swin_transformer, swin_transformer_v2

from mmmim.checkpoint.names import strip_prefix
from mmmim.interop.convert import Choices, Source, convert, convert_file, follow_up
from mmmim.models.backbones import SwinV2
from mmmim.models.classifiers import ImageClassifier

ROOT = Path(__file__).parents[3]
SWIN_B = swin(128, (2, 2, 18, 2), (4, 8, 16, 32), 7, 4)
STAGES = dict(embed_dims=16, depths=(2, 2, 2), num_heads=(1, 2, 4))
IMAGES = torch.randn(2, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("v2", [False, True])
def test_a_fine_tuned_swin_classifies_as_timm_does(tmp_path: Path, v2: bool) -> None:
    state = drawn(swin(16, (2, 2, 2), (1, 2, 4), 4, 2, v2) | linear("head", 64, 5))
    torch.save(dict(model=state), tmp_path / "ft.pth")
    choices = Choices(img_size=(32, 32), window_size=4)
    _, conversion = convert_file(tmp_path / "ft.pth", tmp_path / "out.pth", choices=choices)
    assert conversion.layout == "simmim" and conversion.meta["stage"] == "ft"
    assert set(conversion.left_out) == {name for name in state if name.rpartition(".")[2] in BUFFERS}
    library = swin_transformer_v2 if v2 else swin_transformer
    theirs = (library.SwinTransformerV2 if v2 else library.SwinTransformer)(
        img_size=32, patch_size=2, embed_dim=16, depths=(2, 2, 2), num_heads=(1, 2, 4), window_size=4, num_classes=5
    )
    theirs.load_state_dict(library.checkpoint_filter_fn(dict(model=state), theirs))
    more = dict(pretrained_window_sizes=(0, 0, 0)) if v2 else {}
    model = ImageClassifier(
        backbone=dict(
            type="mmmim.SwinV2" if v2 else "mmmim.Swin",
            arch=STAGES,
            img_size=32,
            patch_size=2,
            window_size=4,
            mask_mode=None,
            out_type="avg",
            **more,
        ),
        head=dict(type="mmmim.LinearClsHead", num_classes=5, in_channels=64),
    )
    model.load_state_dict(torch.load(tmp_path / "out.pth")["state_dict"])
    with torch.no_grad():
        logits = theirs.double().eval()(IMAGES)
        torch.testing.assert_close(model.double().eval()(IMAGES), logits, rtol=0, atol=1e-9)
    assert logits.std() > 0.1


def test_swin_v2_before_fine_tuning() -> None:
    shapes = simmim_pretrained(swin(16, (2, 2, 2), (1, 2, 4), 4, 2, v2=True), 64, 8)
    source = Source("simmim.pth", drawn(shapes), None, [])
    conversion = convert(source, choices=Choices(img_size=(32, 32), window_size=4))
    assert (conversion.meta["backbone"], conversion.meta["window_size"]) == ("SwinV2", [4, 4])
    model = SwinV2(STAGES, 32, 4, pretrained_window_sizes=(0, 0, 0), patch_size=2)
    model.load_state_dict(strip_prefix(conversion.state, "backbone."))
    assert convert(source).meta["window_size"] == [12, 12]  # of 192 pixels
    normed = dict(source.state)
    normed |= {f"encoder.layers.0.blocks.1.norm3.{kind}": torch.ones(16) for kind in ("weight", "bias")}
    normed |= {f"encoder.layers.1.blocks.1.norm3.{kind}": torch.ones(32) for kind in ("weight", "bias")}
    normed |= {f"encoder.layers.2.blocks.1.norm3.{kind}": torch.ones(64) for kind in ("weight", "bias")}
    assert convert(source._replace(state=normed)).meta["extra_norm_every_n_blocks"] == 2


@pytest.mark.parametrize(
    ("shapes", "layout", "config"),
    [
        (beit_finetuned(768, 12, 12, 14, 16, 1000), None, "configs/beit/downstream/ft_vit-b_100e_in1k.py"),
        (beit_finetuned(768, 12, 12, 14, 16, 1000), "simmim", "configs/simmim/downstream/ft_vit-b_100e_in1k.py"),
        (beit_finetuned(384, 12, 6, 14, 16, 1000), "conmim", "configs/conmim/downstream/ft_vit-s_200e_in1k.py"),
        (SWIN_B | linear("head", 1024, 1000), None, "configs/simmim/downstream/ft_swin-b_224_100e_in1k.py"),
    ],
)
def test_the_next_command_tests_the_authors_classifier(shapes: dict, layout: str | None, config: str) -> None:
    """The config's classifier has exactly the tensors of a published file, at full size."""
    state = {name: torch.ones((), dtype=torch.bfloat16).expand(shape) for name, shape in shapes.items()}
    conversion = convert(Source("ft.pth", state, None, []), layout)
    command = follow_up(conversion, "ft.pth")[0]
    assert command.startswith(f"python tools/test.py {config} ft.pth")
    mean = ",".join(["127.5"] * 3)
    assert (f"model.data_preprocessor.mean={mean}" in command) == (conversion.layout == "beit")
    settings = Config.fromfile(ROOT / config).model
    settings.pop("type")
    settings.backbone.pop("init_cfg")
    with torch.device("meta"):
        model = ImageClassifier(**{name: settings[name] for name in ("backbone", "head")})
    ours = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert {name: tuple(value.shape) for name, value in conversion.state.items()} == ours


def test_a_fine_tuned_vit_of_simmim_has_beit_s_names() -> None:
    source = Source("simmim_finetune__vit_base.pth", drawn(beit_finetuned()), None, [])
    assert convert(source).layout == "beit"
    forced = convert(source, "simmim")
    assert forced.state.keys() == convert(source).state.keys() and forced.meta["mean"][0] == 123.675
