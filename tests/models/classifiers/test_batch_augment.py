import pytest
import torch

from mmmim.models.classifiers import ClsBatchAugment


def batch(count=32, num_classes=4):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, 16, 16, generator=generator)
    return dict(inputs=images, labels=torch.arange(count) % num_classes, indices=torch.arange(count))


@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
@pytest.mark.parametrize("mixup, cutmix", [(0.8, 0.0), (0.0, 1.0)])
def test_soft_targets_state_what_was_mixed(mode, mixup, cutmix):
    augment = ClsBatchAugment(8, mixup=mixup, cutmix=cutmix, mode=mode)
    labels = torch.arange(8)
    images = labels.float().view(8, 1, 1, 1).expand(8, 3, 32, 32).contiguous()
    mixed, target = augment(images, labels)
    assert torch.equal(images[:, 0, 0, 0], labels.float())  # the batch handed in is left alone
    torch.testing.assert_close(target.sum(1), torch.ones(8))
    torch.testing.assert_close(mixed.mean((1, 2, 3)), target @ labels.float(), atol=1e-4, rtol=1e-4)


def test_erasing_fills_rectangles_only():
    import random

    random.seed(0)
    images = torch.full((64, 3, 32, 32), 7.0)
    erased, labels = ClsBatchAugment(4, erasing=0.25)(images, torch.arange(64) % 4)
    changed = (erased != 7).all(1)  # (B, H, W)
    hit = changed.flatten(1).any(1)
    assert 8 <= hit.sum() <= 26 and labels.ndim == 1
    for mask in changed[hit]:
        rows, columns = mask.any(1), mask.any(0)
        assert mask.sum() == rows.sum() * columns.sum() and mask.sum() <= 0.4 * 32 * 32


def test_odd_batches_name_the_fix():
    with pytest.raises(ValueError, match="even"):
        ClsBatchAugment(3, mixup=0.8)(torch.zeros(3, 3, 8, 8), torch.arange(3))
