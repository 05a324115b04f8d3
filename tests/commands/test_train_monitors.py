"""What is measured while a run trains changes nothing of it: weights, moments, samples, generators, resumes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from PIL import Image

from mmmim.registry import HOOKS

ROOT = Path(__file__).parents[2]
ALL = ("--knn", "toy", "--probe", "toy", "--rankme", "--pictures", "--monitor-interval", "1", "--monitor-images", "20")


@HOOKS.register_module(force=True)
class StatesHook(Hook):
    """Writes the samples of each step, and the generators' states around each epoch, to a file."""

    priority = "LOWEST"  # after all monitors

    def __init__(self, file: str) -> None:
        self.file = file

    def note(self, **facts: Any) -> None:
        with open(self.file, "a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")

    def states(self) -> list[str]:
        numpy_state = [str(part) for part in np.random.get_state()[:3]]
        return [str(hash(random.getstate())), *numpy_state, str(torch.get_rng_state().sum().item())]

    def before_train_epoch(self, runner: Any) -> None:
        modes = [module.training for module in runner.model.modules()]
        self.note(epoch=runner.epoch, states=self.states(), modes=sum(modes))

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.note(iter=runner.iter, samples=data_batch["indices"].tolist(), states=self.states())

    def after_train_epoch(self, runner: Any) -> None:
        self.note(after=runner.epoch, states=self.states())


def content(folder: Path) -> dict[str, Any]:
    """Return what the last checkpoint of a run holds of its training."""
    file = folder / (folder / "last_checkpoint").read_text(encoding="utf-8").strip().rpartition("/")[2]
    saved = torch.load(file, weights_only=False)
    return {key: saved[key] for key in ("state_dict", "optimizer", "param_schedulers")}


def assert_equal(one: Any, other: Any, at: str = "") -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), at
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), at
        for key in one:
            assert_equal(one[key], other[key], f"{at}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), at
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_equal(a, b, f"{at}[{index}]")
    else:
        assert one == other or (one != one and other != other), at


def scalars(folder: Path) -> list[dict[str, float]]:
    lines = [line for file in sorted(folder.glob("*/vis_data/scalars.json")) for line in file.open(encoding="utf-8")]
    return [found for line in lines if "loss" not in (found := json.loads(line))]


@pytest.fixture
def run(tool, toy, tmp_path: Path):
    """``run(name, *words)``: a training of two epochs; returns its folder and the notes of ``StatesHook``."""

    def train(name: str, *words: str, **changes: Any) -> tuple[Path, list[str]]:
        notes = tmp_path / f"{name}.jsonl"
        config = toy(**{"custom_hooks": [dict(type="StatesHook", file=str(notes))], **changes})
        assert tool("train", config, "--work-dir", tmp_path / name, *words) == 0
        return tmp_path / name, notes.read_text(encoding="utf-8").splitlines()

    return train


def changes_of(kind: str) -> dict[str, Any]:
    """Return what makes a toy run one of another kind."""
    if kind == "bf16":
        return {"optim_wrapper.dtype": "bfloat16"}
    if kind == "workers":
        return {"train_dataloader.num_workers": 1}
    return {}


@pytest.mark.parametrize("kind", ["mae", "bf16", "workers"])
def test_a_run_is_the_same_with_all_monitors(run, kind: str) -> None:
    plain, before = run("plain", **changes_of(kind))
    watched, after = run("watched", *ALL, **changes_of(kind))
    assert before == after and len(before) == 2 * (1 + 4 + 1)
    assert_equal(content(plain), content(watched))
    assert not scalars(plain)
    found = scalars(watched)
    assert sorted({line["step"] for line in found}) == [1, 2]
    names = {name for line in found for name in line if name != "step"}
    assert names == {"knn/top1_k10", "knn/top1_k20", "probe/top1", "rankme/rankme", "rankme/effective_rank",
                     "rankme/spread"}  # fmt: skip
    assert len(list(watched.glob("*/vis_data/vis_image/reconstruction_*.png"))) == 2


@pytest.mark.parametrize(
    "config",
    [
        "conmim/vit-tiny_toy",
        *(
            pytest.param(f"cim/{each}_toy", marks=pytest.mark.slow)
            for each in ("vit-tiny_respix", "resnet-tiny_revdet")
        ),
    ],
)
def test_so_are_methods_with_two_networks(tool, tmp_path: Path, config: str) -> None:
    options = ["train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False", "log_level=WARNING",
               "train_dataloader.batch_size=4", "train_dataloader.dataset.num_images=8"]  # fmt: skip
    if "vit" in config:
        options.append("model.backbone.arch.depth=2")
    for name, words in (("plain", ()), ("watched", ALL)):
        number = f"experiment_name={name}_{tmp_path.name}"
        words = (*words, "--epochs", "2", "--cfg-options", *options, number)
        assert tool("train", config, "--work-dir", tmp_path / name, *words) == 0
    assert_equal(content(tmp_path / "plain"), content(tmp_path / "watched"))
    assert {line["step"] for line in scalars(tmp_path / "watched")} == {1, 2}


def test_a_resumed_run_measures_what_the_whole_one_does(run, tool, tmp_path: Path) -> None:
    whole, _ = run("whole", *ALL)
    resumed, _ = run("resumed", *ALL, "--cfg-options", "train_cfg.stop_after=5")
    run("resumed", *ALL, "--resume")
    assert_equal(content(whole), content(resumed))
    assert sorted(map(json.dumps, scalars(whole))) == sorted(map(json.dumps, scalars(resumed)))


def test_the_average_encoder_of_conmim_is_what_knn_of_its_checkpoint_sees(tool, tmp_path: Path) -> None:
    """The last accuracy of the run is that of the features of its last checkpoint, by the same bank and queries."""
    from mmengine.registry import init_default_scope

    from mmmim.evaluation.features import extract_features
    from mmmim.evaluation.frozen import load_encoder
    from mmmim.evaluation.knn import knn_accuracy
    from mmmim.evaluation.splits import watched_splits
    from mmmim.evaluation.watched import choose_images
    from mmmim.registry import MODELS

    options = ["train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False", "log_level=WARNING",
               "train_dataloader.batch_size=4", "train_dataloader.dataset.num_images=8",
               f"experiment_name={tmp_path.name}", "model.target_generator.start=0.5"]  # fmt: skip
    words = ("--knn", "toy", "--monitor-images", "60", "--epochs", "2", "--cfg-options", *options)
    assert tool("train", "conmim/vit-tiny_toy", "--work-dir", tmp_path, *words) == 0
    cfg = Config.fromfile(ROOT / "configs/conmim/vit-tiny_toy.py")
    init_default_scope("mmmim")
    encoder: Any = MODELS.build(dict(cfg.model.backbone))
    load_encoder(encoder, tmp_path / (tmp_path / "last_checkpoint").read_text(encoding="utf-8").strip())
    preprocessor = MODELS.build(dict(cfg.model.data_preprocessor))
    bank, queries = watched_splits(cfg, "toy", (60, 30))
    sets = choose_images(bank, 60), choose_images(queries, 30)
    batches = [[torch.utils.data.default_collate([each[index] for index in range(len(each))])] for each in sets]
    bank, queries = (extract_features(encoder, each, preprocessor) for each in batches)
    expected = knn_accuracy(*bank, *queries, k=(10, 20))
    assert scalars(tmp_path)[-1] == {f"knn/top1_k{k}": pytest.approx(v) for k, v in expected.items()} | {"step": 2}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--knn", "ONE"), "--knn ONE: the dataset has no labels; k-NN and probes need one sub-folder per class"),
        (("--probe", "LOOSE"), "--probe LOOSE: the dataset has no labels"),
        (("--knn", "nowhere"), "--knn nowhere: does not exist"),
        (("--monitor-interval", "3"), "--monitor-interval 3: nothing is measured"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_trained(tool, toy, tmp_path, monkeypatch, capsys, words, message) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("ONE/cat/1.png", "ONE/cat/2.png", "LOOSE/cat/1.png", "LOOSE/dog/1.png", "LOOSE/2.png"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40)).save(file)
    assert tool("train", toy(), *words) == 2
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error: ")]
    assert message in line and not list(Path("work").glob("*.pth"))
