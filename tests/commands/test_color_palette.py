"""tools/analysis/color_palette.py: known colours are found again, and ColorClusterTarget reads the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmmim.commands import color_palette as tool
from mmmim.models.target_generators import ColorClusterTarget

ROOT = Path(__file__).parents[2]
COLORS = np.array([[0, 0, 0], [255, 0, 0], [10, 200, 30], [255, 255, 255]], np.uint8)


def make(images: str | Path, out: Path, clusters: int, pixels: int = 2000, seed: int = 0) -> int:
    options = dict(images=images, out=out, clusters=clusters, pixels=pixels, seed=seed)
    return tool.main([word for name, value in options.items() for word in (f"--{name}", str(value))])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of different sizes, two of the four colours in each."""
    path = tmp_path / "images"
    path.mkdir()
    for name, pair, width in (("a", COLORS[:2], 8), ("b", COLORS[2:], 14)):
        stripes = pair[np.arange(width) % 2][None].repeat(10, 0)  # (10,W,3)
        Image.fromarray(stripes).save(path / f"{name}.png")
    return path


def test_toy_palette_is_read_by_the_target(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "new" / "palette.npz"
    assert make("toy", out, 16) == 0
    text = capsys.readouterr().out
    assert "16 colours from 2,000 pixels of 32 images (own k-means, not comparable with iGPT)" in text
    error = float(text.partition("mean colour error: ")[2].split()[0])
    stored = np.load(out)
    assert stored["centers"].shape == (16, 3) and stored["centers"].dtype == np.float32
    assert (stored["clusters"], stored["images"]) == (16, 32)
    assert str(stored["note"]) == "own k-means, not comparable with iGPT"
    spread = np.linalg.norm(stored["centers"] - stored["centers"].mean(0), axis=1).mean() * 127.5
    assert 0 < error < spread / 2

    target = ColorClusterTarget(out, 16, patch_size=4)
    assert "not comparable" in target.space
    classes = target(torch.rand(2, 3, 8, 8))
    assert classes.shape == (2, 4, 16) and classes.min() >= 0 and classes.max() < 16
    assert torch.equal(target.palette, torch.from_numpy(stored["centers"]))


def test_few_colours_are_found_exactly(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert make(folder, tmp_path / "p.npz", 4) == 0
    assert "mean colour error: 0.00" in capsys.readouterr().out
    found = (np.load(tmp_path / "p.npz")["centers"] + 1) * 127.5
    np.testing.assert_allclose(found[np.lexsort(found.T[::-1])], COLORS[np.lexsort(COLORS.T[::-1])], atol=0.02)


def test_a_seed_repeats(tmp_path: Path) -> None:
    first, again, other = (tmp_path / f"{name}.npz" for name in ("first", "again", "other"))
    for path, seed in ((first, 0), (again, 0), (other, 1)):
        make("toy", path, 8, 500, seed)
    assert np.array_equal(np.load(first)["centers"], np.load(again)["centers"])
    assert not np.array_equal(np.load(first)["centers"], np.load(other)["centers"])


def test_mistakes_end_with_a_message(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "empty").mkdir()
    for images, out, clusters, message in (
        (tmp_path / "nowhere", "p.npz", 4, "nowhere: there is no such folder"),
        (tmp_path / "empty", "p.npz", 4, "no image below"),
        (folder, "p.npz", 5, "--clusters 5: the 2,000 sampled pixels have only 4 distinct colours"),
        (folder, "p.npy", 4, "must end in .npz"),
        (folder, "p.npz", 0, "--clusters: at least 1, got 0"),
    ):
        assert make(images, tmp_path / out, clusters) == 2
        assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("p.*"))
