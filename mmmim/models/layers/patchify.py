from __future__ import annotations

from torch import Tensor

from mmmim.errors import UsageError

from .patch_mask import Grid


def to_pair(value: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    """Return a pair (height, width): ``16 -> (16, 16)``; pairs stay as they are."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def grid_of(images: Tensor | tuple[int, int], patch_size: tuple[int, int], fix: str = "") -> Grid:
    """Return the patch grid ``(h, w)`` of images ``(B, C, H, W)``, or of a size ``(H, W)``.

    Raises:
        UsageError: H or W is not a multiple of the patch size; the message ends with the ``fix``, by default a size.
    """
    (height, width), (ph, pw) = images.shape[-2:] if isinstance(images, Tensor) else images, patch_size
    if height % ph or width % pw:
        near = f"crop or resize to {max(height // ph, 1) * ph}x{max(width // pw, 1) * pw}"
        raise UsageError(f"image size {height}x{width} is not divisible by patch_size {ph}x{pw}; {fix or near}")
    return height // ph, width // pw


def patchify(images: Tensor, patch_size: tuple[int, int], channels_first: bool = False) -> Tensor:
    """Return the patches of ``(B, C, H, W)``: ``(B, N, ph*pw*C)``, in (row, column, channel) order or channel first."""
    h, w = grid_of(images, patch_size)
    ph, pw = patch_size
    cells = images.unflatten(3, (w, pw)).unflatten(2, (h, ph))  # (B,C,h,ph,w,pw)
    order = (0, 2, 4, 1, 3, 5) if channels_first else (0, 2, 4, 3, 5, 1)
    return cells.permute(order).flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, patch_size: tuple[int, int], grid: Grid) -> Tensor:
    """Return the images ``(B, C, H, W)`` of patches ``(B, N, ph*pw*C)``, whose values are channel-last."""
    (ph, pw), (h, w) = patch_size, grid
    cells = patches.unflatten(2, (ph, pw, -1)).unflatten(1, (h, w))  # (B,h,w,ph,pw,C)
    return cells.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)
