import pytest
import torch

from mmmim.models.layers import PatchMask, take
from mmmim.models.maskers import RandomMasker

GRID = (14, 14)


def test_refine_and_coarsen_are_inverse() -> None:
    cells = RandomMasker(0.6)((3, 5), 4)
    fine = cells.refine((2, 4))
    assert fine.grid == (6, 20) and fine.mask.equal(cells.mask.repeat_interleave(2, 1).repeat_interleave(4, 2))
    back = fine.coarsen((2, 4))
    assert back.mask.equal(cells.mask) and back.num_hidden == cells.num_hidden and back.cell == (1, 1)
    half = fine.coarsen((1, 2))
    assert half.cell == (2, 2) and half.mask.equal(fine.mask[:, :, ::2])
    assert fine.coarsen((4, 4)) is None and PatchMask.from_bool(fine.mask).coarsen((2, 2)) is None


def test_restore_inverts_shuffle_and_puts_tokens_back() -> None:
    mask = RandomMasker()(GRID, 3)
    tokens = torch.randn(3, 196, 5)
    assert mask.ids_shuffle.gather(1, mask.ids_restore).equal(torch.arange(196).expand(3, -1))
    parts = torch.cat([take(tokens, mask.visible), take(tokens, mask.hidden)], 1)
    assert take(parts, mask.ids_restore).equal(tokens)


def test_bool_masks_are_accepted_and_uneven_ones_refused() -> None:
    reference = RandomMasker()(GRID, 4)
    mask = PatchMask.from_bool(reference.mask)
    assert mask.mask.equal(reference.mask) and mask.num_hidden == 147
    with pytest.raises(ValueError, match="same number of patches"):
        PatchMask.from_bool(torch.tensor([[[True, False]], [[True, True]]]))
