"""ConMIM as a whole: the two views, its statistics, its pictures, its edges."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from small_conmim import ARCH, conmim, crops, features
from torch import Tensor

from mmmim.models.heads import InstanceContrastHead, PatchContrastHead
from mmmim.models.necks import PatchProjector
from mmmim.models.target_generators import MomentumEncoder

# ---------------------------------------------------------------- model


def test_every_online_parameter_and_no_slow_one_has_a_gradient() -> None:
    model = conmim()
    model.loss(crops())["loss_contrast"].backward()
    for name, parameter in model.named_parameters():
        slow = name.startswith("target_generator.")
        assert parameter.requires_grad != slow
        assert (parameter.grad is not None) != slow, name
    table = model.backbone.rel_pos_bias.relative_position_bias_table.grad
    assert table is not None and table.abs().max() > 0


@pytest.mark.parametrize(
    "changes",
    [
        dict(masker=None),
        dict(head=dict(dictionary="gpu")),
        dict(head=dict(dictionary="filtered", filter_threshold=0.7)),
        dict(target_generator=dict(source="online"), export_weights="online"),
        dict(query_view=dict(type="mmmim.PhotometricView")),
        dict(query_view=dict(type="mmmim.PhotometricView"), share_photometric=True),
        dict(key_view=None),
        dict(query_view=dict(type="mmmim.PhotometricView"), key_view=None),
        dict(neck=dict(pool=True), head=dict(type="mmmim.InstanceContrastHead"), masker=None),
        dict(neck=dict(norm="ln")),
        dict(neck=dict(rows="patches")),
        dict(neck=dict(rows="masked")),
        dict(masker=dict(type="mmmim.BlockMasker", mask_ratio=0.6)),
        dict(backbone=dict(pos_embed="learned")),
        dict(backbone=dict(rel_pos="block", layer_scale=None, drop_path_rate=0.1)),
    ],
)
def test_options_train(changes: dict[str, Any]) -> None:
    model = conmim(**changes)
    losses = model.loss(crops())
    losses["loss_contrast"].backward()
    assert losses["loss_contrast"].isfinite()
    assert {"retrieval_top1", "query_std", "key_std", "momentum"} <= set(losses)
    assert all((p.grad is not None) == p.requires_grad for n, p in model.named_parameters() if "mask_token" not in n)


def test_pixels_under_the_mask_do_not_matter_to_queries_nor_the_mask_to_keys() -> None:
    model, images = conmim(key_view=None), crops()
    mask = model.draw_mask(images)
    noise = torch.randn_like(images)
    pixels = mask.mask[:, None].repeat_interleave(8, 2).repeat_interleave(8, 3)
    changed = torch.where(pixels, noise, images)

    def queries(x: Tensor) -> Tensor:
        return model.neck(model.backbone(x, mask)[-1], mask, mask.hidden)

    before = queries(images)
    assert torch.equal(before, queries(changed))
    keys = model.target_generator(images)
    with torch.no_grad():
        model.backbone.mask_token.add_(1.0)
        model.target_generator.backbone.mask_token.add_(1.0)
    assert torch.equal(model.target_generator(images), keys)
    assert not torch.equal(queries(images), before)


def test_class_row_takes_part_in_the_statistics_only() -> None:
    neck = PatchProjector(8, 4, hidden=8)
    latent = torch.randn(2, 6, 8)
    other = latent.clone()
    other[:, 0] += 1
    assert not torch.allclose(neck(latent), neck(other))
    patches = PatchProjector(8, 4, hidden=8, rows="patches")
    assert torch.equal(patches(latent), patches(other))
    where = torch.tensor([[0, 2], [1, 4]])
    for norm in ("none", "ln"):
        same = [PatchProjector(8, 4, hidden=8, norm=norm, rows=rows) for rows in ("all", "patches", "masked")]
        for other_neck in same[1:]:
            other_neck.load_state_dict(same[0].state_dict())
        found = [neck(latent, None, where) for neck in same]
        torch.testing.assert_close(found[0], found[1])
        torch.testing.assert_close(found[0], found[2])


def test_order_of_images_does_not_matter() -> None:
    model, images = conmim(key_view=None), crops()
    mask = model.draw_mask(images)
    order = torch.tensor([2, 0, 3, 1])
    from mmmim.models.layers import PatchMask

    def loss(x: Tensor, m: PatchMask) -> Tensor:
        return model.head.loss(model.neck(model.backbone(x, m)[-1], m, m.hidden), model.target_generator(x), m.hidden)[
            "loss_contrast"
        ]

    permuted = PatchMask.from_bool(mask.mask[order], mask.num_hidden)
    torch.testing.assert_close(loss(images, mask), loss(images[order], permuted), rtol=0, atol=1e-5)


def test_views_share_their_geometry() -> None:
    off = dict(type="mmmim.PhotometricView", jitter_p=0.0, grayscale_p=0.0, blur_p=0.0, solarize_p=0.0)
    images = crops()
    for view in (None, off):
        query_view, key_view = conmim(key_view=view).views(images)
        torch.testing.assert_close(query_view, key_view, rtol=0, atol=1e-6)
    model = conmim()
    model.set_step(0, 0)
    weak, strong = model.views(images)
    assert torch.equal(weak, images) and not torch.equal(strong, images)
    both = dict(type="mmmim.PhotometricView")
    first, second = conmim(query_view=both, share_photometric=True).views(images)
    assert torch.equal(first, second)
    first, second = conmim(query_view=both).views(images)
    assert not torch.equal(first, second)


def test_views_share_crop_and_flip_by_coordinates() -> None:
    """Pictures whose channels are coordinates, cropped and flipped at random: after a change of brightness the strong
    view still has those of the weak one, up to one factor per image."""
    from torchvision.transforms import v2

    x = torch.linspace(0.1, 0.5, 96).expand(96, 96)
    picture = torch.stack([x, x.T, 0.6 - x])
    geometry = v2.Compose([v2.RandomResizedCrop(64, (0.2, 0.5), antialias=True), v2.RandomHorizontalFlip()])
    torch.manual_seed(0)
    seen = torch.stack([geometry(picture) for _ in range(16)])
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    off = dict.fromkeys(("contrast", "saturation", "hue", "grayscale_p", "blur_p", "solarize_p"), 0.0)
    model = conmim(key_view=dict(type="mmmim.PhotometricView", jitter_p=1.0, **off))
    weak, strong = (view * std + mean for view in model.views((seen - mean) / std))
    torch.testing.assert_close(weak, seen, rtol=0, atol=1e-5)
    ratio = (strong / weak).flatten(1)
    assert (ratio - ratio.mean(1, keepdim=True)).abs().max() < 1e-3 and ratio.mean(1).std() > 0.1
    flipped = weak[:, 0, :, 0] > weak[:, 0, :, -1]
    assert flipped.any() and not flipped.all()
    assert torch.equal(flipped, strong[:, 0, :, 0] > strong[:, 0, :, -1])


def test_steps_are_reproducible() -> None:
    model, images = conmim(), crops()
    losses = []
    for iteration in (3, 3, 4):
        model.set_step(0, iteration)
        losses.append(model.loss(images)["loss_contrast"].item())
    assert losses[0] == losses[1] != losses[2]


def test_images_need_not_be_square() -> None:
    backbone = dict(type="mmmim.BEiTViT", arch=ARCH, img_size=(64, 96), patch_size=8)
    loss = conmim(backbone=backbone).loss(crops(2, (64, 96)))["loss_contrast"]
    assert 0 < loss.item() < math.log(1 + 95 * math.exp(20))


def test_picture_shows_retrieved_patches() -> None:
    model, images = conmim(key_view=None).eval(), crops()
    prediction = model.predict(images)
    assert prediction["output"].shape == images.shape
    first = prediction["output"][0, :, :8, :8]
    patches = images[0].unfold(1, 8, 8).unfold(2, 8, 8).permute(1, 2, 0, 3, 4).flatten(0, 1)
    assert any(torch.equal(first, patch) for patch in patches)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "build, problem",
    [
        (lambda: PatchContrastHead(0.0), "temperature=0.0"),
        (lambda: PatchContrastHead(dictionary="all"), "dictionary='all'"),
        (lambda: PatchContrastHead(dictionary="filtered"), "filter_threshold=None: a threshold"),
        (lambda: PatchContrastHead(filter_threshold=0.5), "goes with dictionary='filtered'"),
        (lambda: PatchContrastHead(reduction="sum"), "reduction='sum'"),
        (lambda: InstanceContrastHead(-1), "temperature=-1"),
        (lambda: MomentumEncoder(start=1.1), "start=1.1"),
        (lambda: MomentumEncoder(end=-0.1), "end=-0.1"),
        (lambda: MomentumEncoder(schedule="step"), "schedule='step'"),
        (lambda: MomentumEncoder(source="teacher"), "source='teacher'"),
        (lambda: PatchProjector(8, norm="gn"), "norm='gn'"),
        (lambda: PatchProjector(8, rows="cls"), "rows='cls'"),
        (lambda: PatchProjector(8, depth=0), "depth=0"),
        (lambda: conmim(degradation=dict(type="mmmim.Fisheye")), "query_view and key_view"),
        (lambda: conmim(share_photometric=True), "share_photometric=True"),
        (lambda: conmim(export_weights="both"), "export_weights='both'"),
        (
            lambda: conmim(backbone=dict(type="mmmim.ViT", arch=ARCH, img_size=64, patch_size=8)),
            "ConMIM replaces hidden patches|decodes all tokens",
        ),
    ],
)
def test_bad_arguments(build: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        build()


def test_views_and_masks_of_other_grids() -> None:
    queries, keys, _ = features(hidden=10)
    with pytest.raises(ValueError, match="different images or grids"):
        PatchContrastHead().loss(queries, keys[:, :8])
    with pytest.raises(ValueError, match=r"neck\.pool=True"):
        InstanceContrastHead().loss(queries, keys)
    model = conmim()
    mask = model.draw_mask(crops())
    with pytest.raises(ValueError, match="mask grid"):
        model.backbone(crops(4, (64, 96)), mask)
