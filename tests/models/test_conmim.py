"""ConMIM: its loss against loops over images and patches, the slow encoder, the two views, its edges."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mmmim.models.algorithms import ConMIM
from mmmim.models.heads import InstanceContrastHead, PatchContrastHead
from mmmim.models.necks import PatchProjector
from mmmim.models.target_generators import MomentumEncoder

ARCH = dict(embed_dims=32, depth=2, num_heads=2)


def conmim(**changes: Any) -> ConMIM:
    settings: dict[str, Any] = dict(
        backbone=dict(type="mmmim.BEiTViT", arch=ARCH, img_size=64, patch_size=8),
        masker=dict(type="mmmim.RandomMasker", mask_ratio=0.75, cell_size=16, rounding="hidden"),
        neck=dict(type="mmmim.PatchProjector", hidden=48),
        target_generator=dict(type="mmmim.MomentumEncoder", dims=16),
        head=dict(type="mmmim.PatchContrastHead"),
        key_view=dict(type="mmmim.PhotometricView"),
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
    )
    for part, values in changes.items():
        merge = isinstance(values, dict) and "type" not in values and isinstance(settings.get(part), dict)
        settings[part] = {**settings[part], **values} if merge else values
    torch.manual_seed(0)
    return ConMIM(**settings)


def crops(batch: int = 4, size: tuple[int, int] = (64, 64)) -> Tensor:
    coarse = torch.rand(batch, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    colors = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    return (colors - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )


def features(batch: int = 3, patches: int = 10, hidden: int = 4, dims: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    queries = torch.randn(batch, hidden, dims, dtype=torch.float64, generator=generator)
    keys = torch.randn(batch, patches, dims, dtype=torch.float64, generator=generator)
    where = torch.rand(batch, patches, generator=generator).argsort(1)[:, :hidden].sort(1).values
    return queries, keys, where


def unit(x: Tensor) -> Tensor:
    return x / x.norm()


def loop(queries: Tensor, keys: Tensor, where: Tensor, tau: float, kind: str, delta: float = 0, by: str = "") -> float:
    """Eq. 3, image by image, query by query, key by key."""
    means = []
    for b in range(len(queries)):
        errors = []
        for row, j in enumerate(where[b].tolist()):
            query, own = unit(queries[b, row]), unit(keys[b, j])
            positive = math.exp((query @ own).item() / tau)
            total = 0.0
            for c in range(len(queries)) if kind == "gpu" else [b]:
                for i in range(keys.shape[1]):
                    key = unit(keys[c, i])
                    similarity = ((own if by == "key_key" else query) @ key).item()
                    if kind == "filtered" and (c, i) != (b, j) and similarity > delta:
                        continue
                    total += math.exp((query @ key).item() / tau)
            errors.append(math.log(total) - math.log(positive))
        means.append(sum(errors) / len(errors))
    return sum(means) / len(means)


# ---------------------------------------------------------------- loss


@pytest.mark.parametrize(
    "settings",
    [
        dict(),
        dict(temperature=0.05),
        dict(dictionary="gpu"),
        dict(dictionary="filtered", filter_threshold=0.3),
        dict(dictionary="filtered", filter_threshold=0.1, filter_metric="query_key"),
    ],
)
def test_loss_equals_loops(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmmim.models.heads.patch_contrast.CHUNK", 5)  # several chunks of queries
    queries, keys, where = features()
    found = PatchContrastHead(**settings).loss(queries, keys, where)["loss_contrast"].item()
    expected = loop(
        queries,
        keys,
        where,
        settings.get("temperature", 0.1),
        settings.get("dictionary", "image"),
        settings.get("filter_threshold", 0.0),
        settings.get("filter_metric", "key_key"),
    )
    assert found == pytest.approx(expected, abs=1e-10)


def test_masked_rows_equal_all_rows_with_weights() -> None:
    queries, keys, _ = features(hidden=10)
    where = torch.tensor([[1, 4, 5], [0, 2, 9], [3, 7, 8]])
    weight = torch.zeros(3, 10).scatter(1, where, 1.0)
    some = torch.gather(queries, 1, where[..., None].expand(-1, -1, 8))
    head = PatchContrastHead()
    torch.testing.assert_close(
        head.loss(some, keys, where)["loss_contrast"], head.loss(queries, keys, weight=weight)["loss_contrast"]
    )


def test_reductions_of_ragged_masks() -> None:
    queries, keys, _ = features(batch=2, hidden=10)
    weight = torch.zeros(2, 10)
    weight[0, :6], weight[1, 3] = 1, 1
    errors = [
        PatchContrastHead().loss(queries[b : b + 1, j : j + 1], keys[b : b + 1], torch.tensor([[j]]))["loss_contrast"]
        for b, j in [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 3)]
    ]
    first, second = sum(errors[:6]) / 6, errors[6]
    found = {
        kind: PatchContrastHead(reduction=kind).loss(queries, keys, weight=weight)["loss_contrast"]
        for kind in ("image", "token")
    }
    torch.testing.assert_close(found["image"], (first + second) / 2)
    torch.testing.assert_close(found["token"], sum(errors) / 7)
    weight[1] = 0
    torch.testing.assert_close(PatchContrastHead().loss(queries, keys, weight=weight)["loss_contrast"], first)
    queries.requires_grad_()
    nothing = PatchContrastHead().loss(queries, keys, weight=torch.zeros(2, 10))["loss_contrast"]
    nothing.backward()
    assert nothing.item() == 0 and queries.grad is not None and queries.grad.abs().sum() == 0


def test_gradient_is_the_papers() -> None:
    queries, keys, where = features()
    queries = torch.nn.functional.normalize(queries, dim=-1)
    k = torch.nn.functional.normalize(keys, dim=-1)
    q = queries.clone().requires_grad_()
    PatchContrastHead(0.2).loss(q, keys, where)["loss_contrast"].backward()
    p = (queries @ k.transpose(1, 2) / 0.2).softmax(2)
    own = torch.gather(k, 1, where[..., None].expand(-1, -1, 8))
    gradient = (p @ k - own) / (0.2 * 4 * 3)
    tangent = gradient - (gradient * queries).sum(-1, keepdim=True) * queries  # q has length 1
    torch.testing.assert_close(q.grad, tangent, rtol=0, atol=1e-6)


def test_bounds_scale_and_special_cases() -> None:
    queries, keys, where = features()
    head = PatchContrastHead()
    loss = head.loss(queries, keys, where)["loss_contrast"]
    assert 0 <= loss < math.log(1 + 9 * math.exp(2 / 0.1))
    torch.testing.assert_close(head.loss(queries * 3, keys * 0.2, where)["loss_contrast"], loss)
    assert head.loss(queries * 0, keys, where)["loss_contrast"].item() == pytest.approx(math.log(10))
    same = keys[:, :1].expand_as(keys)
    assert head.loss(queries, same, where)["loss_contrast"].item() == pytest.approx(math.log(10))
    assert PatchContrastHead(1e9).loss(queries, keys, where)["loss_contrast"].item() == pytest.approx(math.log(10))
    every = PatchContrastHead(dictionary="filtered", filter_threshold=1.1)
    torch.testing.assert_close(every.loss(queries, keys, where)["loss_contrast"], loss)
    alone = PatchContrastHead(dictionary="filtered", filter_threshold=-1.1)
    assert alone.loss(queries, keys, where)["loss_contrast"].item() == pytest.approx(0, abs=1e-12)
    one = PatchContrastHead(dictionary="gpu")
    torch.testing.assert_close(
        one.loss(queries[:1], keys[:1], where[:1])["loss_contrast"],
        head.loss(queries[:1], keys[:1], where[:1])["loss_contrast"],
    )
    assert one.loss(queries, keys, where)["loss_contrast"] > loss


@pytest.mark.parametrize("tau, expected", [(0.05, 6.03), (0.07, 5.67), (0.1, 5.47), (0.15, 5.36), (0.2, 5.33)])
def test_loss_of_random_features(tau: float, expected: float) -> None:
    generator = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(16, 196, 256, generator=generator) for _ in range(2))
    found = PatchContrastHead(tau).loss(queries, keys)["loss_contrast"].item()
    assert found == pytest.approx(expected, abs=0.05)


def test_statistics() -> None:
    keys = torch.eye(10).expand(3, -1, -1)
    where = torch.tensor([[0, 3], [1, 2], [4, 5]])
    queries = keys[0][where]
    found = PatchContrastHead().loss(queries, keys, where)
    assert found["retrieval_top1"] == 1
    assert found["cosine_positive"].item() == pytest.approx(1)
    assert found["cosine_negative"].item() == pytest.approx(0)
    assert found["key_std"].item() == pytest.approx(0.3 * 10**0.5)
    collapsed = PatchContrastHead().loss(torch.ones_like(queries), keys, where)
    assert collapsed["query_std"].item() == pytest.approx(0, abs=1e-6)


def test_instance_contrast_equals_a_loop() -> None:
    queries, keys, _ = features(batch=5, patches=1, hidden=1)
    q, k = (torch.nn.functional.normalize(x[:, 0], dim=1) for x in (queries, keys))
    logits = q @ k.T / 0.1
    expected = (logits.logsumexp(1) - logits.diagonal()).mean()
    torch.testing.assert_close(InstanceContrastHead().loss(queries, keys)["loss_contrast"], expected)


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


# ---------------------------------------------------------------- slow encoder


def test_momentum_of_the_paper() -> None:
    slow, total = MomentumEncoder(), 187_500
    assert slow.momentum(0, total) == pytest.approx(0.996)
    assert slow.momentum(total // 4, total) == pytest.approx(0.996586, abs=1e-6)
    assert slow.momentum(total // 2, total) == pytest.approx(0.998)
    assert slow.momentum(3 * total // 4, total) == pytest.approx(0.999414, abs=1e-6)
    assert 1 - slow.momentum(total - 1, total) == pytest.approx(2.8e-13, rel=0.02)
    assert MomentumEncoder(start=0.9, schedule="constant").momentum(50, 100) == 0.9


def test_slow_encoder_is_the_closed_form_after_a_hundred_steps() -> None:
    model = conmim().double()
    slow = model.target_generator
    names = [
        *dict(model.backbone.named_parameters(prefix="backbone")),
        *dict(model.neck.named_parameters(prefix="neck")),
    ]
    start = {name: p.clone() for name, p in slow.named_parameters()}
    expected = {name: start[name].clone() for name in names}
    assert sorted(names) == sorted(start)
    generator = torch.Generator().manual_seed(0)
    for step in range(100):
        alpha = 1 - 0.5 * 0.004 * (1 + math.cos(math.pi * step / 100))
        for name, parameter in [
            *model.backbone.named_parameters(prefix="backbone"),
            *model.neck.named_parameters(prefix="neck"),
        ]:
            with torch.no_grad():
                parameter.add_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator))
                expected[name] = alpha * expected[name] + (1 - alpha) * parameter
        slow.set_step(step, 100)
        slow.update()
    for name, parameter in slow.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name].detach(), rtol=0, atol=1e-10)


def test_statistics_of_the_slow_projector_are_its_own() -> None:
    model = conmim()
    model.loss(crops())
    online, slow = dict(model.neck.named_buffers()), dict(model.target_generator.neck.named_buffers())
    before = {name: value.clone() for name, value in slow.items()}
    assert any(not torch.equal(online[name], slow[name]) for name in slow)
    model.target_generator.update()
    assert all(torch.equal(before[name], value) for name, value in slow.items())


def test_slow_encoder_trains_with_the_model_and_may_do_without_drop_path() -> None:
    model = conmim(backbone=dict(drop_path_rate=0.5)).train()
    images = crops()
    assert model.target_generator.training
    keys = [model.target_generator(images) for _ in range(2)]
    assert not torch.equal(*keys)
    still = conmim(backbone=dict(drop_path_rate=0.5), target_generator=dict(drop_path=False)).train()
    assert torch.equal(still.target_generator(images), still.target_generator(images))


def test_checkpoints_hold_the_slow_encoder_as_backbone() -> None:
    model = conmim()
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.add_(1.0)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    slow = dict(model.target_generator.backbone.named_parameters())
    for name, value in slow.items():
        assert torch.equal(state[f"backbone.{name}"], value)
        assert torch.equal(state[f"target_generator.backbone.{name}"], dict(model.backbone.named_parameters())[name])
    other = conmim()
    other.load_state_dict(state, strict=True)
    for (name, first), second in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second), name
    online = conmim(export_weights="online")
    assert torch.equal(online.state_dict()["backbone.cls_token"], online.backbone.cls_token)


def test_copies_move_with_their_own_encoder() -> None:
    model = copy.deepcopy(conmim())
    with torch.no_grad():
        model.backbone.cls_token.fill_(5.0)
    model.target_generator.update()
    assert model.target_generator.backbone.cls_token.mean().item() == pytest.approx(0.02, abs=0.01)


def test_a_forgotten_hook_is_noticed() -> None:
    slow = conmim(target_generator=dict(dims=16)).train().target_generator
    images = crops(1)
    slow._passes = 255
    with pytest.warns(UserWarning, match="MomentumUpdateHook"):
        slow(images)


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
