"""Which images are compared, how many, and what is refused before a run trains."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from mmmim.errors import UsageError
from mmmim.evaluation import encoder_monitor, watched
from mmmim.evaluation.encoder_monitor import LabelledMonitor
from mmmim.registry import HOOKS


@HOOKS.register_module(force=True)
class Sizes(LabelledMonitor):
    """A monitor that logs how many features it gets, and their mean."""

    def compare(self, bank, queries):
        sizes = {"sizes/bank": float(len(bank.x)), "sizes/queries": float(len(queries.x))}
        return {**sizes, "sizes/x": bank.x.mean().item()}


def hook(**options):
    return dict(type="Sizes", **options)


def test_a_folder_with_train_and_val_is_bank_and_queries(watched_run, class_folder):
    _, scalars = watched_run(hook(data=str(class_folder), num_bank=6, num_queries=50))
    assert [(line["sizes/bank"], line["sizes/queries"], line["step"]) for line in scalars] == [(6, 8, 1), (6, 8, 2)]
    assert scalars[0]["sizes/x"] != scalars[1]["sizes/x"]  # the encoder has changed


def test_a_folder_without_them_is_divided_in_the_same_way_each_time(watched_run, class_folder):
    runner, scalars = watched_run(hook(data=str(class_folder / "train")))
    again, _ = watched_run(hook(data=str(class_folder / "train")))
    assert (scalars[0]["sizes/bank"], scalars[0]["sizes/queries"]) == (6, 2)
    for one, other in zip(names(runner), names(again), strict=True):
        assert one == other


def names(runner):
    loaders = watched.WatchedImages.of(runner)._loaders.values()
    sets = [kept.loader.dataset for kept in loaders]
    found = [[chosen.dataset.name(int(index)) for index in chosen.ids] for chosen in sets]
    assert set(found[0]).isdisjoint(found[1])
    return found


def test_two_monitors_of_the_same_images_encode_them_once(watched_run, monkeypatch):
    calls = []
    extract = watched.extract_features
    monkeypatch.setattr(watched, "extract_features", lambda *each: calls.append(1) or extract(*each))
    same = dict(data="toy", num_bank=20, num_queries=10)
    watched_run(hook(**same), hook(**same))
    assert len(calls) == 2 * 2  # bank and queries in each of two evaluations
    watched_run(hook(**same), hook(**{**same, "num_bank": 30}))
    assert len(calls) == 4 + 2 * 3


@pytest.mark.parametrize(
    ("epochs", "images", "evaluations", "sizes"),
    [
        (6, 4096, 3, (200, 100)),  # the toys: 2 % of 24,576 images are less than two evaluations of 300
        (50, 2000, 7, (200, 100)),
        (200, 2000, 10, (533, 266)),
        (300, 1_281_167, 10, (2000, 1000)),
        (1, 10**6, 1, (2000, 1000)),
    ],
)
def test_short_runs_have_fewer_evaluations_of_fewer_images(monkeypatch, epochs, images, evaluations, sizes):
    monitor, asked = Sizes(data="toy"), []

    def split(_, __, counts):
        asked.append(counts)
        raise UsageError("that is all")

    for name, value in (("watched_splits", split), ("encoder_of", str), ("kept_model", str)):
        monkeypatch.setattr(encoder_monitor, name, value)
    monkeypatch.setattr(encoder_monitor, "WatchedImages", SimpleNamespace(of=lambda _: None))
    loader = SimpleNamespace(batch_size=50)
    length = dict(max_epochs=epochs, max_iters=epochs * images // 50)
    runner = SimpleNamespace(train_dataloader=loader, train_loop=None, cfg=None, **length)
    with pytest.raises(UsageError, match="data=toy: that is all"):
        monitor.before_train(runner)
    assert asked == [sizes] and monitor.num_evaluations(runner) == evaluations


def test_the_precision_is_that_of_the_steps(watched_run):
    settings = dict(type="AutocastOptimWrapper", dtype="bfloat16", optimizer=dict(type="AdamW", lr=0.0))
    same = hook(data="toy", num_bank=20, num_queries=10)
    _, (bf16, _) = watched_run(same, optim_wrapper=settings)
    _, (fp32, _) = watched_run(same, optim_wrapper=dict(settings, dtype="float32"))
    assert bf16["sizes/x"] != fp32["sizes/x"] and bf16["sizes/x"] == pytest.approx(fp32["sizes/x"], abs=0.05)


def one_class(folder):
    shutil.rmtree(folder / "train/bee")
    shutil.rmtree(folder / "val/bee")
    return str(folder)


def unlabelled(folder):
    Image.new("RGB", (40, 40)).save(folder / "train/loose.png")
    return str(folder)


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()
    return str(folder)


def missing(folder):
    return str(folder / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (one_class, "the dataset has no labels; k-NN and probes need one sub-folder per class, at least two"),
        (unlabelled, "the dataset has no labels; k-NN and probes need one sub-folder per class, at least two"),
        (empty, "no image below"),
        (missing, "does not exist"),
    ],
)
def test_folders_that_do_not_do_are_one_line_before_the_first_step(watched_run, class_folder, change, message):
    with pytest.raises(UsageError, match=message) as error:
        watched_run(dict(type="StepLossHook"), hook(data=change(class_folder)))
    assert str(error.value).startswith("data=") and "\n" not in str(error.value)
    (losses,) = class_folder.parent.glob("watched*/step_losses.jsonl")
    assert not losses.read_text(encoding="utf-8")


def test_a_bank_of_a_single_image_is_refused(watched_run):
    with pytest.raises(UsageError, match="data=toy: fewer than two classes have images in the bank"):
        watched_run(hook(data="toy", num_bank=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give data, a folder of class folders or 'toy', or both"),
        (dict(train_dataloader={}), "give data"),
        (dict(data="toy", train_dataloader={}), "give data"),
        (dict(data="toy", train_dataloader={}, test_dataloader={}), "give data"),
        (dict(data="toy", num_queries=0), "num_queries: 0 must be at least 1"),
        (dict(data="toy", pool="max"), "pool: 'max'"),
    ],
)
def test_wrong_settings_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Sizes(**options)


def test_features_leave_no_gradient_and_no_inference_tensors(watched_run):
    runner, _ = watched_run(hook(data="toy", num_bank=20, num_queries=10))
    assert all(not buffer.is_inference() for buffer in runner.model.buffers())
    images = torch.rand(2, 3, 32, 32)
    runner.model.backbone(images)[-1].sum().backward()
