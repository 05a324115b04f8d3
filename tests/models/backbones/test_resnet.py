from typing import Any

import pytest
import torch
from small_resnet import lively, resnet
from torch import Tensor, nn

from mmmim.checkpoint.names import differing_facts
from mmmim.models.backbones import ResNet
from mmmim.models.layers import PatchMask

TINY: dict[str, Any] = dict(block="bottleneck", depths=(1, 2, 1, 1), channels=8)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 64, 96, dtype=torch.float64)  # 16x24 cells


@pytest.fixture
def mask() -> PatchMask:
    cells = torch.zeros(2, 2, 3, dtype=torch.bool)
    cells[0, 0, 1], cells[1, 1, 2] = True, True  # one cell of 32 pixels each
    return PatchMask.from_bool(cells).refine((8, 8))


# ------------------------------------------------------------------ the network


def test_blocks_start_as_their_shortcut() -> None:
    model, x = resnet().double(), torch.rand(1, 32, 8, 8).double()
    block = model.layer2[1]
    wide = torch.rand(1, 64, 8, 8).double()
    assert block(wide).equal(wide) and (model.layer1[0].bn3.weight == 0).all()
    assert model.layer1(x[:, :8]).shape == (1, 32, 8, 8)
    assert (resnet(zero_init_last=False).layer1[0].bn3.weight == 1).all()


def test_dilation_keeps_the_map_and_the_weights(images: Tensor) -> None:
    model, dense = lively(resnet(out_type="featmap", out_indices=[0, 1, 2, 3])), resnet(output_stride=8).double()
    dense.load_state_dict(model.state_dict(), strict=True)
    assert [tuple(x.shape[1:]) for x in model(images)] == [(32, 16, 24), (64, 8, 12), (128, 4, 6), (256, 2, 3)]
    assert dense.stride == (8, 8) and dense(images)[0].shape == (2, 8 * 12, 256)
    assert dense.layer4[0].conv2.dilation == (2, 2)  # the first block of a stage keeps the dilation before it


@pytest.mark.parametrize(("stem", "fine"), [("7x7", (13, 22)), ("3x3", (13, 21))])
def test_maps_of_images_of_any_size(stem: str, fine: tuple[int, int]) -> None:
    maps = resnet(out_type="featmap", out_indices=[0, 3], stem=stem)(torch.randn(1, 5, 51, 85))
    assert [x.shape[2:] for x in maps] == [fine, (2, 3)]


# ------------------------------------------------------------------ masks


def test_mask_tokens_replace_cells_after_the_pooling(images: Tensor, mask: PatchMask) -> None:
    for stem in ("3x3", "7x7"):
        model = lively(resnet(mask_mode="replace", stem=stem))
        cells, hidden = model.embed(images, mask), mask.mask.unsqueeze(1).expand(-1, 8, -1, -1)
        assert cells.shape == (2, 8, 16, 24)
        assert (cells.movedim(1, -1)[mask.mask] == model.mask_token).all()
        assert cells[~hidden].equal(model.embed(images)[~hidden])


def test_stem_of_simmim(images: Tensor) -> None:
    model = lively(resnet())
    x = nn.functional.conv2d(images, model.conv1.weight, stride=2, padding=1)
    x = model.bn1(x).relu()
    blocks = x.unflatten(3, (24, 2)).unflatten(2, (16, 2)).amax((3, 5))
    torch.testing.assert_close(model.embed(images), blocks, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("stem", "before", "after"), [("3x3", 1, 0), ("7x7", 5, 2)])
def test_only_the_border_of_a_hidden_cell_leaks(
    images: Tensor, mask: PatchMask, stem: str, before: int, after: int
) -> None:
    """A visible cell sees ``before`` pixels above and left of it and ``after`` below and right of it."""
    model = lively(resnet(mask_mode="replace", stem=stem, out_indices=[0, 3]))
    out = model(images, mask)
    for inner, same in ((0, True), (1, False)):
        changed = images.clone()
        top, bottom = after - (inner if after else 0), 32 - before + inner
        changed[0, :, top:bottom, 32 + top : 32 + bottom] = 9.0
        changed[1, :, 32 + top : 32 + bottom, 64 + top : 64 + bottom] = 9.0
        new = model(changed, mask)
        assert (new[0].equal(out[0]) and new[1].equal(out[1])) == same


def test_without_a_mask_any_size_goes() -> None:
    model = resnet(mask_mode="replace", out_type="featmap", stem="7x7").double()
    x = torch.randn(1, 5, 75, 49, dtype=torch.float64)
    assert model(x)[0].shape == (1, 256, 3, 2)
    model.mask_token.data.fill_(torch.nan)
    assert model(x)[0].isfinite().all()


def test_every_parameter_gets_a_gradient(images: Tensor, mask: PatchMask) -> None:
    model = lively(resnet(mask_mode="replace")).train()
    (model(images, mask)[0] ** 3).sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or p.grad.abs().max() == 0] == []


# ------------------------------------------------------------------ features, training, protocols


def test_output_types(images: Tensor) -> None:
    model = lively(resnet(out_type="featmap", out_indices=[1, 3]))

    def like(out_type: str) -> Any:
        other = resnet(out_type=out_type, out_indices=[1, 3]).double()
        other.load_state_dict(model.state_dict())
        return other(images)

    maps = model(images)
    assert [x.shape for x in like("raw")] == [(2, 96, 64), (2, 6, 256)]
    assert like("raw")[1].equal(maps[1].flatten(2).transpose(1, 2))
    assert like("avg")[0].equal(maps[0].mean((2, 3)))
    stage2 = resnet(out_indices=1)
    assert stage2.embed_dims == 64 and stage2.stride == (8, 8) and stage2.patch_size == (4, 4)


@pytest.mark.parametrize("drop_path_rate", [0.0, 0.5])
def test_recomputed_blocks_give_the_same_gradients_and_statistics(images: Tensor, drop_path_rate: float) -> None:
    states, grads = [], []
    state = lively(resnet()).state_dict()
    for with_cp in (False, True):
        model = resnet(with_cp=with_cp, drop_path_rate=drop_path_rate).double().train()
        model.load_state_dict(state)
        torch.manual_seed(0)
        (model(images)[0] ** 2).sum().backward()
        states.append(model.state_dict())
        grads.append([p.grad for p in model.parameters()])
    assert all(b.equal(states[1][n]) for n, b in states[0].items())
    assert not states[0]["layer3.0.bn2.running_mean"].equal(state["layer3.0.bn2.running_mean"])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_frozen_stages_and_statistics(images: Tensor) -> None:
    model = resnet(frozen_stages=1, mask_mode="replace").double().train()
    trained = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {"layer2", "layer3", "layer4"}
    before = {n: b.clone() for n, b in model.named_buffers()}
    model(images)
    moved = {n.split(".")[0] for n, b in model.named_buffers() if not b.equal(before[n])}
    assert moved == {"layer2", "layer3", "layer4"}
    kept = resnet(norm_eval=True).double().train()
    before = {n: b.clone() for n, b in kept.named_buffers()}
    kept(images)
    assert all(b.equal(before[n]) for n, b in kept.named_buffers()) and kept.layer1[0].bn1.weight.requires_grad
    assert not resnet(frozen_stages=4).double()(images)[0].requires_grad


def test_synchronised_norms_share_the_weights(images: Tensor) -> None:
    plain, synced = lively(resnet()), resnet(norm="syncbn").double()
    synced.load_state_dict(plain.state_dict(), strict=True)
    norms = [m for m in synced.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == 20 and all(isinstance(m, nn.SyncBatchNorm) for m in norms)
    assert synced(images)[0].equal(plain(images)[0])


def test_layer_ids() -> None:
    with torch.device("meta"):
        model = ResNet()
    ids = {n: model.get_layer_depth("backbone." + n, "backbone.") for n, _ in model.named_parameters()}
    assert {total for _, total in ids.values()} == {18} and {i for i, _ in ids.values()} == set(range(17))
    assert ids["conv1.weight"][0] == ids["bn1.bias"][0] == ids["mask_token"][0] == 0
    assert ids["layer1.0.downsample.0.weight"][0] == 1 and ids["layer2.0.conv1.weight"][0] == 4
    assert ids["layer4.2.bn3.weight"][0] == 16


def test_a_mask_token_in_the_file_does_not_count() -> None:
    state = resnet(mask_mode="replace").state_dict()
    resnet().load_state_dict(state, strict=True)


def test_it_describes_the_whole_encoder() -> None:
    """The stages that a task reads do not make it another encoder."""
    facts = resnet(width=2, output_stride=8, out_indices=[0, 2]).describe()
    assert (facts["backbone"], facts["width"], facts["embed_dims"], facts["output_stride"]) == ("ResNet", 2, 512, 8)
    assert differing_facts(facts, resnet(width=2).describe()) == {}


def test_bad_input(images: Tensor, mask: PatchMask) -> None:
    with pytest.raises(ValueError, match="3 channels, the backbone has in_channels=5"):
        resnet()(images[:, :3].float())
    with pytest.raises(ValueError, match="mask_mode='replace'"):
        resnet().double()(images, mask)
    with pytest.raises(ValueError, match="mask grid"):
        resnet(mask_mode="replace").double()(images[..., :64], mask)
    with pytest.raises(ValueError, match="depth=51 is unknown; choose one of 18, 34, 50"):
        ResNet(51)
    with pytest.raises(ValueError, match="stem='5x5'"):
        resnet(stem="5x5")
    with pytest.raises(ValueError, match="not divisible by patch_size"):
        resnet(img_size=62)
    with pytest.raises(ValueError, match="out_indices"):
        resnet(out_indices=[4])
    with pytest.raises(ValueError, match="frozen_stages=5"):
        resnet(frozen_stages=5)
