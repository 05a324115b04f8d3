from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from noise_pictures import smooth_noise, write_pictures

from mmmim.datasets.survey import Part, Survey, survey
from mmmim.errors import UsageError
from mmmim.plan.advice import Advice, Machine, crop_for, parsed, recommend, size_rule
from mmmim.plan.rules import FEWEST, SIZES

CPU = Machine(devices=0, cores=2)


def look(folder: Path) -> Survey:
    return survey(str(folder), 0, 0, lambda steps, total: iter(steps))


class ManyTimes(Part):
    """A part whose images count as more than they are."""

    count = 0

    def __len__(self) -> int:
        return self.count


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), 130)


def advise(folder: Path, images: int | None = None, method: str | None = None, machine: Machine = CPU) -> Advice:
    found = look(folder)
    if images is not None:
        found.train = ManyTimes(found.train.folder, found.train.source, found.train.images, found.train.broken)
        found.train.count = images
    return recommend(found, method, machine)


@pytest.mark.parametrize("images, expected", [(4_999, 0), (5_000, 1), (60_000, 2), (499_999, 2), (2_000_000, 3)])
def test_the_number_of_images_decides(images: int, expected: int) -> None:
    assert size_rule(images) is SIZES[expected]


@pytest.mark.parametrize("side, expected", [(20, (32, 4)), (32, (32, 4)), (63, (32, 4)), (64, (64, 8)), (500, (64, 8))])
def test_crops_are_those_that_images_fill(side: int, expected: tuple[int, int]) -> None:
    assert crop_for(SIZES[0], side) == expected


def test_the_command_says_what_the_run_is(pictures: Path) -> None:
    found = advise(pictures)
    words = found.train_command()
    assert words[:3] == ["python", "tools/train.py", "configs/mae/vit-tiny_toy.py"]
    cfg = found.prepared.cfg
    assert (cfg.train_cfg.max_epochs, found.epochs, words[words.index("--epochs") + 1]) == (1600, 1600, "1600")
    assert found.prepared.lrs[""] == pytest.approx(1e-3 * 64 / 256) and not found.prepared.remarks
    assert cfg.model.backbone.arch.embed_dims == 128 and cfg.model.backbone.img_size == 32
    assert cfg.train_dataloader.dataset.root == str(pictures)
    assert "optim_wrapper.optimizer.lr=0.001" in words


def test_a_full_recipe_is_accumulated_or_divided(pictures: Path) -> None:
    alone = advise(pictures, 2_000_000)
    assert alone.prepared.batch.effective == 4096 and alone.settings.accumulate == 32
    assert alone.prepared.cfg.train_cfg.max_epochs == 800
    assert alone.options["train_dataloader.num_workers"] == "2"
    many = advise(pictures, 2_000_000, machine=Machine(devices=8, cores=64))
    assert many.train_command()[:4] == ["bash", "tools/dist_train.sh", "configs/mae/vit-b_800e.py", "8"]
    assert (many.prepared.batch.processes, many.settings.accumulate) == (8, 4)
    assert "train_dataloader.num_workers" not in many.options


def test_devices_train_small_recipes_in_bf16(pictures: Path) -> None:
    words = advise(pictures, machine=Machine(devices=1, cores=8)).train_command()
    assert words[words.index("--amp") + 1] == "bf16" and "--amp" not in advise(pictures).train_command()


def test_evaluation_needs_labels(pictures: Path) -> None:
    found = advise(pictures)
    assert [words[1] for words in found.evaluation_commands(True)] == ["tools/knn.py", "tools/probe.py"]
    ((_, tool, *_),) = found.evaluation_commands(False)
    assert tool == "tools/embed.py"


def test_bands_are_read_as_they_are(tmp_path: Path) -> None:
    for number in range(FEWEST):
        np.save(tmp_path / f"{number}.npy", smooth_noise(number, channels=5) * [1, 2, 30, 400, 5000])
    found = advise(tmp_path)
    cfg = found.prepared.cfg
    assert cfg.model.backbone.in_channels == 5 == len(cfg.model.data_preprocessor.mean)
    assert np.shape(cfg.train_dataloader.dataset.value_range) == (5, 2)
    for method in ("conmim", "beit", "cim"):
        with pytest.raises(UsageError, match=f"--method {method}: needs RGB, .* 5 channels; use one of mae, ccmim"):
            advise(tmp_path, method=method)


def test_too_few_images(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    with pytest.raises(UsageError, match=r"3 images are too few .*100 at least.*convert\.py"):
        advise(tmp_path)


def test_an_unknown_method(pictures: Path) -> None:
    with pytest.raises(UsageError, match="--method='mea' is unknown; did you mean 'mae'"):
        advise(pictures, method="mea")


def test_options_mean_the_same_on_a_command_line(pictures: Path) -> None:
    from mmmim.commands.train import parse_args

    found = advise(pictures)
    words = found.train_command()
    args = parse_args(words[2:])
    assert args.cfg_options == parsed(found.options) and args.work_dir == found.work_dir
