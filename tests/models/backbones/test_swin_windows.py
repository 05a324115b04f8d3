"""Swin on maps of any size: padding, shifts and their masks, attention in windows."""

import sys

import pytest
import torch
import torch.nn.functional as F
from small_swin import scrambled, swin

from mmmim.models.backbones import Swin, SwinV2
from mmmim.models.backbones.swin_windows import shift_mask, window_attention
from mmmim.models.layers import Grid

# ------------------------------------------------------------------ attention


@pytest.mark.parametrize("impl", ["explicit", "sdpa"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("windows", [1, 4])
def test_fused_attention_equals_explicit(impl: str, dtype: torch.dtype, tolerance: float, windows: int) -> None:
    q, k, v = (torch.randn(2, 4, 3, 36, 8, dtype=torch.float64) for _ in range(3))
    bias = torch.randn(windows, 3, 36, 36, dtype=torch.float64)
    expected = (q @ k.mT * 0.3 + bias).softmax(-1) @ v
    cast = [t.to(dtype) for t in (q, k, v, bias)]
    torch.testing.assert_close(window_attention(*cast, 0.3, impl).double(), expected, atol=tolerance, rtol=tolerance)


# ------------------------------------------------------------------ any size


def test_any_size_keeps_the_window_and_pads() -> None:
    model = scrambled(swin(out_indices=(0, 1, 2), out_type="featmap", window_size=6).double())
    assert model.dynamic_size and model.describe()["dynamic_size"] and not swin(out_type="avg").dynamic_size
    assert model.windows == [(6, 6)] * 3 and model.shifts == [(3, 3)] * 3
    maps = model(torch.randn(1, 5, 50, 85, dtype=torch.float64))
    assert [tuple(m.shape[1:]) for m in maps] == [(8, 13, 22), (16, 7, 11), (32, 4, 6)]
    fixed = swin(out_type="featmap", dynamic_size=False).double()
    padded = swin(out_type="featmap").double()
    padded.load_state_dict(fixed.state_dict())
    images = torch.randn(1, 5, 96, 192, dtype=torch.float64)  # stages of 24x48, 12x24, 6x12: nothing to pad
    fixed_shifts = [block.shift for layer in fixed.layers for block in layer.blocks]
    assert fixed_shifts == [(0, 0), (1, 1)] * 2 + [(0, 0), (0, 1)]
    for block in fixed.layers[2].blocks:
        padded.layers[2].blocks[1].shift = block.shift
    torch.testing.assert_close(padded(images)[0], fixed(images)[0], atol=1e-12, rtol=0)


def test_padding_is_zero_after_the_norm() -> None:
    """A map that is not a multiple of the window equals the zero-extended map, cropped."""
    model = scrambled(swin(dynamic_size=True).double())
    for block in model.layers[0].blocks:
        x = torch.randn(1, 7, 10, 8, dtype=torch.float64)
        grown = F.pad(block.norm1(x), (0, 0, 0, 2, 0, 2))
        torch.testing.assert_close(block.attend(block.norm1(x)), block.attend(grown)[:, :7, :10], atol=0, rtol=0)


@pytest.mark.parametrize(
    ("grid", "window", "shift"),
    [((12, 24), (3, 3), (1, 1)), ((12, 24), (3, 6), (1, 3)), ((7, 14), (7, 7), (3, 3)), ((6, 12), (6, 6), (0, 3))],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_shift_masks(grid: Grid, window: Grid, shift: Grid, dtype: torch.dtype) -> None:
    """Swin's way: nine regions of the shifted map, numbered and cut into windows."""
    regions, count = torch.zeros(grid), 0
    for rows in (slice(0, -window[0]), slice(-window[0], -shift[0] or None), slice(-shift[0] or grid[0], None)):
        for columns in (slice(0, -window[1]), slice(-window[1], -shift[1] or None), slice(-shift[1] or grid[1], None)):
            regions[rows, columns] = count
            count += 1
    cut = regions.unfold(0, window[0], window[0]).unfold(1, window[1], window[1]).flatten(2).flatten(0, 1)  # (nW,N)
    expected = torch.where(cut[:, None] == cut[:, :, None], 0.0, -100.0).to(dtype)
    assert shift_mask(grid, window, shift, torch.device("cpu"), dtype).equal(expected)
    assert shift_mask(grid, window, (0, 0), torch.device("cpu"), dtype) is None


def test_masks_of_other_sizes_are_not_kept() -> None:
    """Of images of many sizes, as with multi-scale testing; nor does anything else of the models keep tensors."""
    cached = {
        name
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("mmmim.models")
        for name, value in vars(module).items()
        if hasattr(value, "cache_info")
    }
    assert cached <= {"spline_weights"}  # kilobytes on the host
    arguments = ((12, 24), (3, 3), (1, 1), torch.device("cpu"), torch.float32)
    assert shift_mask(*arguments) is not shift_mask(*arguments)


@pytest.mark.parametrize("kind", [Swin, SwinV2])
def test_maps_of_any_size_are_those_of_fixed_windows_where_these_fit(kind: type) -> None:
    """Stages of 12 x 24 and 6 x 12 tokens: nothing to pad, nothing smaller than a window."""
    settings = dict(arch=dict(embed_dims=8, depths=(2, 2), num_heads=(1, 2)), img_size=(48, 96), window_size=3)
    if kind is SwinV2:
        settings["pretrained_window_sizes"] = (0, 0)
    dense = scrambled(kind(**settings, out_type="featmap", out_indices=(0, 1)).eval())
    fixed = kind(**settings, out_type="featmap", out_indices=(0, 1), dynamic_size=False).eval()
    fixed.load_state_dict(dense.state_dict())
    images = torch.randn(1, 3, 48, 96)
    assert all(a.equal(b) for a, b in zip(dense(images), fixed(images), strict=True))
    assert [x.shape[2:] for x in dense(torch.randn(1, 3, 51, 85))] == [(13, 22), (7, 11)]
    with pytest.raises(ValueError, match=r"dynamic_size=True pads maps instead"):
        fixed(torch.randn(1, 3, 51, 85))
