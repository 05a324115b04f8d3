from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.models.layers import patchify
from mmmim.registry import MODELS
from mmmim.visualization.sources import load_model

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "projects/example_method/vit-tiny_toy.py"
SMALL = [
    "train_cfg.max_epochs=1",
    "train_dataloader.batch_size=8",
    "train_dataloader.num_workers=0",
    "train_dataloader.persistent_workers=False",
    "train_dataloader.dataset.num_images=24",
    "default_hooks.logger.interval=1",
]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(ROOT)
    return load_model(load_config(CONFIG))


def test_a_few_steps_through_the_train_tool(run_script: Callable[..., object], tmp_path: Path) -> None:
    assert run_script("tools/train.py", CONFIG, "--work-dir", tmp_path, "--cfg-options", *SMALL) == 0
    (file,) = tmp_path.glob("*/vis_data/scalars.json")
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 3
    for record in records:
        assert math.isfinite(record["loss"]) and record["loss_mean"] > 0
        assert record["loss"] == pytest.approx(record["loss_reconstruction"] + record["loss_mean"], rel=1e-3)
    state = torch.load(tmp_path / "epoch_1.pth", map_location="cpu", weights_only=False)["state_dict"]
    assert any(key.startswith("backbone.") for key in state)


def test_masks_are_checkerboards_of_both_colours(model: Any) -> None:
    images = torch.randn(2, 3, 64, 64)
    rows, columns = torch.meshgrid(torch.arange(8) // 2, torch.arange(8) // 2, indexing="ij")
    white = (rows + columns) % 2 == 0
    colours = set()
    for iteration in range(20):
        model.set_step(0, iteration)
        mask = model(images, mode="predict")["mask"]
        assert torch.equal(mask[0], mask[1])
        colours.add(bool(mask[0, 0, 0]))
        assert torch.equal(mask[0], white if mask[0, 0, 0] else ~white)
    assert colours == {True, False}


def test_target_is_the_blurred_image(model: Any) -> None:
    images = torch.randn(1, 3, 64, 64)
    kernel = torch.full((3, 1, 5, 5), 1 / 25)
    blurred = F.conv2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
    torch.testing.assert_close(model.target_generator(images), patchify(blurred, (8, 8)))


def test_second_loss_is_the_error_of_the_mean_prediction(model: Any) -> None:
    images = torch.randn(2, 3, 64, 64)
    model.set_step(0, 0)
    losses = model(images, mode="loss")
    model.set_step(0, 0)
    mask = model.draw_mask(images)
    with torch.no_grad():
        prediction = model.neck(model.backbone(images, mask)[-1], mask, mask.hidden)
    target = model.target_generator(images, mask.hidden)
    expected = 0.1 * (prediction.mean(1) - target.mean(1)).square().mean()
    torch.testing.assert_close(losses["loss_mean"], expected)
    assert set(losses) == {"loss_reconstruction", "loss_mean"}


def test_the_example_stays_short() -> None:
    lines = [
        len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "projects/example_method").glob("*.*")
    ]
    assert sum(lines) < 150


# ---------------------------------------------------------------- with other parts and data


def mix(config: str, **changes: Any) -> Any:
    """A shipped config of another method, with the example's algorithm, masker and target."""
    load_config(CONFIG)  # imports the example
    model = load_config(config).model
    parts = dict(
        type="MeanMatchingMIM",
        masker=dict(type="CheckerboardMasker", cell=2),
        target_generator=dict(type="LowPassTarget"),
        head=dict(type="mmmim.ReconstructionHead"),
    )
    return MODELS.build({**model, **parts, **changes})


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        ("configs/beit/vit-tiny_toy.py", {}),
        ("configs/simmim/swin-tiny_toy.py", {}),
        ("configs/simmim/swin-tiny_toy.py", dict(masker=dict(type="CheckerboardMasker", cell=8))),
        ("configs/mae/vit-tiny_toy.py", dict(degradation=dict(type="mmmim.Fisheye"))),
    ],
)
def test_every_encoder_and_every_view(config: str, changes: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """BEiT's data brings its crops at a tokenizer's resolution, which pixels have no use for."""
    monkeypatch.chdir(ROOT)
    model, (height, width) = mix(config, **changes), (64, 64)
    pixels = dict(inputs=(2, 3, height, width), token_inputs=(2, 3, height // 2, width // 2))
    batch = {name: torch.randint(0, 256, size, dtype=torch.uint8) for name, size in pixels.items()}
    model.set_step(0, 0)
    losses = model(**model.data_preprocessor(batch, training=True), mode="loss")
    assert set(losses) == {"loss_reconstruction", "loss_mean"} and all(value.isfinite() for value in losses.values())


def test_targets_without_a_mean_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    tokens = load_config("configs/beit/vit-tiny_toy.py").model.target_generator
    with pytest.raises(UsageError, match=r"TokenTarget gives classes, but MeanMatchingMIM predicts numbers; use model"):
        mix("configs/beit/vit-tiny_toy.py", target_generator=tokens)
