import pytest
import torch

from mmmim.models.maskers import CenterMasker
from mmmim.registry import MODELS


def test_ten_of_fourteen_keep_rows_and_columns_two_to_eleven() -> None:
    masker = CenterMasker(keep=10)
    mask = masker((14, 14), 3)
    expected = torch.ones(14, 14, dtype=torch.bool)
    expected[2:12, 2:12] = False
    assert mask.mask.equal(expected.expand(3, -1, -1))
    assert masker.num_hidden((14, 14)) == mask.num_hidden == 96
    rows = torch.arange(2, 12)
    centre = (rows[:, None] * 14 + rows).flatten()
    assert mask.visible.equal(centre.expand(3, -1))  # in raster order
    assert mask.ids_shuffle.sort(1).values.equal(torch.arange(196).expand(3, -1))


@pytest.mark.parametrize(
    ("grid", "keep", "rows", "columns"),
    [
        ((6, 10), (2, 4), slice(2, 4), slice(3, 7)),
        ((6, 10), (6, 4), slice(0, 6), slice(3, 7)),  # bars at the left and right
        ((5, 7), 3, slice(1, 4), slice(2, 5)),
        ((3, 3), 1, slice(1, 2), slice(1, 2)),
    ],
)
def test_other_grids(grid: tuple[int, int], keep, rows: slice, columns: slice) -> None:
    visible = ~CenterMasker(keep)(grid, 2).mask
    assert visible[:, rows, columns].all()
    assert visible.sum().item() == 2 * visible[0, rows, columns].numel()


def test_cells_of_several_patches() -> None:
    masker = CenterMasker(keep=2, cell_size=32, patch_size=16)  # grid of 4x4 cells of 2x2 patches
    mask = masker((8, 8), 2)
    assert mask.num_hidden == masker.num_hidden((8, 8)) == 48 and mask.cell == (2, 2)
    assert mask.mask[0].equal(CenterMasker(keep=4)((8, 8), 1).mask[0])
    with pytest.raises(ValueError, match="does not divide the grid"):
        masker((7, 8), 1)


@pytest.mark.parametrize(
    ("grid", "keep", "message"),
    [
        ((14, 14), 9, "no centred place on the grid of 14x14"),
        ((14, 14), (10, 11), "no centred place"),
        ((14, 14), 16, r"keep=\(16, 16\) is larger"),
        ((14, 8), 10, "larger than the grid of 14x8"),
        ((14, 14), 14, "nothing would be hidden"),
    ],
)
def test_centres_that_do_not_fit(grid: tuple[int, int], keep, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CenterMasker(keep).num_hidden(grid)
    with pytest.raises(ValueError, match=message):
        CenterMasker(keep)(grid, 2)


@pytest.mark.parametrize("keep", [0, -2, (0, 4)])
def test_nothing_visible(keep) -> None:
    with pytest.raises(ValueError, match="must be at least 1 cell"):
        CenterMasker(keep)


def test_as_part_of_mae() -> None:
    config = dict(
        type="mmmim.MaskedImageModel",
        backbone=dict(type="mmmim.ViT", arch=dict(embed_dims=16, depth=1, num_heads=2), img_size=48, patch_size=8),
        masker=dict(type="mmmim.CenterMasker", keep=4),
        neck=dict(type="mmmim.MAEDecoder", dims=16, depth=1, num_heads=2),
        target_generator=dict(type="mmmim.PixelTarget"),
    )
    model, images = MODELS.build(config), torch.randn(2, 3, 48, 48)
    model.loss(images)["loss_reconstruction"].backward()
    assert model.neck.mask_token.grad.abs().sum() > 0
    assert model.predict(images)["mask"].sum().item() == 2 * 20
