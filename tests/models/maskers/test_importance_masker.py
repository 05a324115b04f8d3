import torch
from torch import Tensor

from mmmim.models.algorithms import CCMIM
from mmmim.models.layers import PatchMask
from mmmim.registry import MODELS


def textured_squares(count: int) -> Tensor:
    """A noisy square at a random place of a flat picture, ``(count, 3, 32, 32)``."""
    images = torch.zeros(count, 3, 32, 32)
    for image in images:
        top, left = torch.randint(0, 16, (2,)).tolist()
        image[:, top : top + 16, left : left + 16] = torch.randn(3, 16, 16) * 2
    return images + 0.05 * torch.randn_like(images)


def overlap_of_random_masks(model: CCMIM, images: Tensor) -> float:
    scores = model.score_patches(model.backbone.embed(images))
    random = PatchMask.from_keys(torch.rand_like(scores), 48, (8, 8))
    return model.division_statistics(scores, random)["mask_overlap"].item()


def test_sampling_turns_to_important_patches_while_training() -> None:
    model = MODELS.build(
        dict(
            type="mmmim.CCMIM",
            backbone=dict(type="mmmim.ViT", arch=dict(embed_dims=48, depth=2, num_heads=4), img_size=32, patch_size=4),
            masker=dict(type="mmmim.ImportanceMasker", mask_ratio=0.75, preset="proportional"),
            neck=dict(type="mmmim.MAEDecoder", dims=32, depth=1, num_heads=4),
            target_generator=dict(type="mmmim.PixelTarget"),
        )
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    overlap = []
    for iteration in range(60):
        model.set_step(0, iteration)
        losses = model(textured_squares(32), mode="loss")
        total, _ = model.parse_losses({k: v for k, v in losses.items() if "loss" in k})
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        overlap.append(losses["mask_overlap"].item())
    assert sum(overlap[-10:]) / 10 > 0.79
    assert abs(overlap_of_random_masks(model, textured_squares(256)) - 0.75) < 0.02
