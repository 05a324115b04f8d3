"""What a part takes for granted of its neighbours holds, or the model is not built and the message says what to set."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.heads import Align, Head
from mmmim.registry import MODELS

ARCH = dict(embed_dims=24, depth=3, num_heads=2)
VIT = dict(type="mmmim.ViT", arch=ARCH, img_size=32, patch_size=8)
SWIN = dict(
    type="mmmim.Swin",
    arch=dict(embed_dims=8, depths=(1, 1), num_heads=(1, 2)),
    img_size=32,
    patch_size=2,
    window_size=4,
)
CONTRAST = dict(projector=dict(out_dims=10), contrast=dict(type="mmmim.Align"))


def build(**changes: Any) -> Any:
    """MAE, with other parts where ``changes`` name them."""
    config = dict(
        type="mmmim.MaskedImageModel",
        backbone=VIT,
        masker=dict(type="mmmim.RandomMasker"),
        neck=dict(type="mmmim.MAEDecoder", dims=16, depth=1, num_heads=2),
        target_generator=dict(type="mmmim.PixelTarget"),
    )
    return MODELS.build({**config, **changes})


def ccmim(backbone: dict, **changes: Any) -> Any:
    masker = dict(type="mmmim.ImportanceMasker")
    return build(**{"type": "mmmim.CCMIM", "backbone": {**VIT, **backbone}, "masker": masker, **changes})


def conmim(**changes: Any) -> Any:
    return build(
        **dict(
            type="mmmim.ConMIM",
            backbone=dict(type="mmmim.BEiTViT", arch=ARCH, img_size=32, patch_size=8),
            neck=dict(type="mmmim.PatchProjector", hidden=12, out_dims=6),
            target_generator=dict(type="mmmim.MomentumEncoder", dims=6),
            head=dict(type="mmmim.PatchContrastHead"),
        )
        | changes
    )


# ---------------------------------------------------------------- class tokens and their contrast


@pytest.mark.parametrize(
    ("changes", "reader"),
    [(dict(masker=dict(type="mmmim.RandomMasker")), "contrast_weight"), (dict(contrast_weight=0), "ImportanceMasker")],
)
def test_ccmim_reads_the_class_token(changes: dict, reader: str) -> None:
    with pytest.raises(ValueError, match=rf"with_cls_token=False: .*{reader} reads the class token.*with_cls_token=Tr"):
        ccmim(dict(with_cls_token=False), **changes)
    as_mae = ccmim(dict(with_cls_token=False), masker=dict(type="mmmim.RandomMasker"), contrast_weight=0)
    assert as_mae(torch.randn(2, 3, 32, 32), mode="loss")["loss_reconstruction"].isfinite()


def test_widths_of_the_contrast_follow_projector_and_encoder() -> None:
    model = ccmim({}, **CONTRAST)
    shapes = [tuple(layer.weight.shape) for layer in model.contrast.predictor if hasattr(layer, "in_features")]
    assert shapes == [(24, 10), (10, 24)]  # out_dims - D - out_dims
    narrow = ccmim({}, projector=dict(hidden=7), contrast=dict(type="mmmim.Align", hidden=5)).contrast
    assert narrow.predictor[0].weight.shape == (5, 256)
    assert model(torch.randn(4, 3, 32, 32), mode="loss")["loss_contrast"].isfinite()
    with pytest.raises(ValueError, match=r"contrast \{'dims': 256\} does not fit .*\{'dims': 10\}; leave"):
        ccmim({}, **{**CONTRAST, "contrast": dict(type="mmmim.Align", dims=256)})
    with pytest.raises(ValueError, match=r"projector \{'in_dims': 768\} does not fit .*\{'in_dims': 24\}"):
        ccmim({}, projector=dict(in_dims=768))
    with pytest.raises(TypeError, match="dims"):
        Align()  # type: ignore[call-arg]


@pytest.mark.parametrize("last", [0, 1, 2])
def test_both_sets_are_read_after_the_same_block(last: int) -> None:
    encoder = MODELS.build(dict(VIT, out_indices=last)).double()
    tokens = torch.randn(2, 5, 24, dtype=torch.float64)
    torch.testing.assert_close(encoder.encode_cls(tokens), encoder.encode(tokens)[-1][:, 0])


# ---------------------------------------------------------------- tokens, patches, channels


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (dict(backbone=dict(VIT, out_type="avg")), r"out_type='avg': MaskedImageModel reads tokens"),
        (dict(backbone=dict(VIT, in_channels=5), data_preprocessor=dict(type="mmmim.ImagePreprocessor")), "has 3 val"),
        (dict(neck=dict(type="mmmim.MAEDecoder", num_prefix=0)), r"neck \{'num_prefix': 0\} .*\{'num_prefix': 1\}"),
        (dict(neck=dict(type="mmmim.MAEDecoder", grid=(14, 14))), r"neck \{'grid': \(14, 14\)\} .*\(4, 4\)"),
        (dict(target_generator=dict(type="mmmim.PixelTarget", patch_size=16)), r"target_generator \{'patch_size': 16"),
        (dict(target_generator=dict(type="mmmim.HOGTarget", in_channels=1)), r"target_generator \{'in_channels': 1"),
        (dict(masker=dict(type="mmmim.RandomMasker", cell_size=16, patch_size=16)), r"masker \{'patch_size': 16"),
    ],
)
def test_explicit_arguments_that_do_not_fit(changes: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        build(**changes)


def test_explicit_arguments_that_fit() -> None:
    target = dict(type="mmmim.PixelTarget", patch_size=8, in_channels=3)
    assert build(target_generator=target, masker=dict(type="mmmim.RandomMasker", patch_size=[8, 8]))


# ---------------------------------------------------------------- ConMIM's queries


def test_conmim_contrasts_the_outputs_of_any_encoder() -> None:
    model = conmim(backbone=SWIN, masker=dict(type="mmmim.RandomMasker", mask_ratio=0.5, cell_size=4)).eval()
    images = torch.randn(2, 3, 32, 32)
    model.set_step(0, 0)
    loss = model(images, mode="loss")["loss_contrast"]
    model.set_step(0, 0)
    mask = model.draw_mask(images)
    hidden = mask.mask[:, ::2, ::2].flatten(1)  # outputs of 2 x 2 tokens
    queries = model.neck(model.backbone(images, mask)[-1])[hidden].unflatten(0, (2, -1))
    where = hidden.nonzero()[:, 1].view(2, -1)
    expected = model.head.loss(queries, model.target_generator(images), where)["loss_contrast"]
    torch.testing.assert_close(loss, expected)
    picture = model(images, mode="predict")
    assert picture["output"].shape == images.shape and picture["mask"].shape == (2, 16, 16)
    with pytest.raises(ValueError, match=r"cells of 1x1 tokens.*stands for 2x2; set masker.cell_size=\(4, 4\)"):
        conmim(backbone=SWIN)


def test_conmim_contrasts_patches_or_images() -> None:
    with pytest.raises(ValueError, match=r"neck.pool=True, but PatchContrastHead.*head.type='InstanceContrastHead'"):
        conmim(neck=dict(type="mmmim.PatchProjector", hidden=12, pool=True))
    with pytest.raises(ValueError, match=r"set neck.pool=True, or head.type='PatchContrastHead'"):
        conmim(head=dict(type="mmmim.InstanceContrastHead"))


# ---------------------------------------------------------------- kinds of values, masks

BEIT = dict(type="mmmim.BEiTViT", arch=ARCH, img_size=32, patch_size=8)
LINEAR = dict(backbone=BEIT, neck=dict(type="mmmim.LinearDecoder"))
BINARY = dict(type="mmmim.BinaryCrossEntropyHead")
ZOOM = dict(type="mmmim.IntegratedZoomTarget")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            dict(head=BINARY),
            r"head BinaryCrossEntropyHead does not fit target_generator PixelTarget.*a ReconstructionH",
        ),
        (
            dict(head=dict(type="mmmim.PatchContrastHead")),
            r"PatchContrastHead does not fit .*PixelTarget.*use a Recons",
        ),
        (
            dict(target_generator=ZOOM),
            r"ReconstructionHead does not fit .*IntegratedZoomTarget.*use an IntegratedZoomH",
        ),
        (
            dict(head=dict(type="mmmim.IntegratedZoomHead")),
            r"IntegratedZoomHead does not fit .*PixelTarget.*use a Reco",
        ),
        (
            dict(target_generator=dict(type="mmmim.MomentumEncoder")),
            r"MomentumEncoder gives features, but MaskedImageModel predicts .*; use model.type='ConMIM'",
        ),
        (
            dict(target_generator=dict(type="mmmim.ReplacedTokenTarget", token_size=8)),
            r"ReplacedTokenTarget gives 0 or 1, but MaskedImageModel predicts .*; use model.type='CIM'",
        ),
        (
            dict(backbone=BEIT, neck=dict(type="mmmim.PatchProjector", hidden=8, pool=True)),
            r"neck.pool=True of PatchProjector: head ReconstructionHead scores patches; set neck.pool=False",
        ),
        (
            dict(LINEAR, backbone=dict(BEIT, mask_mode=None)),
            r"mask_mode=None of BEiTViT hides nothing, but there is a masker, RandomMasker; set .*'replace'",
        ),
        (
            dict(LINEAR, backbone=SWIN, target_generator=dict(type="mmmim.HOGTarget", cell=4)),
            r"RandomMasker hides cells of 1x1 tokens, but ReconstructionHead scores whole outputs of HOGTarget, and "
            r"one of Swin stands for 2x2; set masker.cell_size=\(4, 4\), or use .* such as PixelTarget",
        ),
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_both_named(changes: dict, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        build(**changes)


def test_conmim_predicts_features_alone() -> None:
    with pytest.raises(
        UsageError, match=r"PixelTarget gives numbers, but ConMIM predicts features; use .*'MaskedImageM"
    ):
        conmim(target_generator=dict(type="mmmim.PixelTarget"))
    with pytest.raises(UsageError, match=r"ReconstructionHead does not fit .*MomentumEncoder.*use a PatchContrastHead"):
        conmim(head=dict(type="mmmim.ReconstructionHead"))


def test_weighted_heads_count_whole_outputs() -> None:
    """Masks of Swin's tokens become weights of its outputs, of which four tokens are hidden together."""

    class Weighted(Head):
        scope = "weighted"

        def loss(self, prediction: Tensor, target: Tensor, *, weight: Tensor | None = None) -> dict[str, Tensor]:
            assert weight is not None and weight.shape == prediction.shape[:2] == (2, 64)
            return dict(loss=prediction.mean(), hidden=weight.float().mean())

    masker = dict(type="mmmim.RandomMasker", mask_ratio=0.25, cell_size=4)
    model = build(**dict(LINEAR, backbone=SWIN, masker=masker, head=dict(type=Weighted)))
    assert model(torch.randn(2, 3, 32, 32), mode="loss")["hidden"] == 0.25
