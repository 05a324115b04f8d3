"""tools/train.py and tools/test.py: what they do, and what they say when they cannot."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(12):
        file = tmp_path / "photos" / f"class{index % 2}" / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 36), (20 * index, 100 * (index % 2), 60)).save(file)
    return tmp_path / "photos"


def weights(work_dir: Path, name: str = "iter_8.pth") -> dict[str, torch.Tensor]:
    return torch.load(work_dir / name, weights_only=False)["state_dict"]


def test_resume_continues_exactly(tool, toy, tmp_path: Path, step_losses) -> None:
    config, work = toy(), tmp_path / "work"
    assert tool("train", config) == 0
    whole, straight = step_losses(work), weights(work)
    assert [step["iter"] for step in whole] == list(range(8))

    shutil.rmtree(work)
    assert tool("train", config, "--cfg-options", "train_cfg.stop_after=3") == 0
    assert tool("train", config, "--resume") == 0
    assert step_losses(work) == whole
    for name, value in weights(work).items():
        assert torch.equal(value, straight[name]), name


def test_resume_auto_starts_anew_where_there_is_nothing(tool, toy, tmp_path: Path) -> None:
    assert tool("train", toy(), "--resume", "auto", "--cfg-options", "train_cfg.stop_after=1") == 0
    assert tool("train", toy(), "--resume", "auto", "--cfg-options", "train_cfg.stop_after=2") == 0
    assert torch.load(tmp_path / "work/rolling.pth", weights_only=False)["meta"]["iter"] == 2


def test_scaled_lr_is_what_trains_and_is_not_scaled_again(tool, toy, tmp_path: Path, capsys) -> None:
    config = toy(**{"log_level": "INFO"})
    assert tool("train", config, "--accumulate", "2", "--cfg-options", "train_cfg.stop_after=2") == 0
    out = capsys.readouterr()
    line = "lr 4e-3 x 8/256 = 1.25e-4 (4 per process x 1 process x 2 accumulation = 8)"
    assert (out.out + out.err).count(line) == 1
    assert "paramwise_options" not in out.out + out.err
    saved = torch.load(tmp_path / "work/rolling.pth", weights_only=False)
    assert saved["optimizer"]["param_groups"][0]["initial_lr"] == pytest.approx(1.25e-4)


def test_epochs_stretch_run_and_schedule(tool, toy, tmp_path: Path, capsys) -> None:
    """Three epochs of the two: 12 steps, the last one at the foot of the cosine."""
    assert tool("train", toy(), "--epochs", "3") == 0
    assert "in place of" not in "".join(capsys.readouterr())
    saved = torch.load(tmp_path / "work/iter_12.pth", weights_only=False)
    group, warm = saved["optimizer"]["param_groups"][0], 6  # 1.5 epochs of 4 steps
    cosine = (1 + math.cos(math.pi * (11 - warm) / (12 - warm))) / 2
    assert group["lr"] == pytest.approx(group["initial_lr"] * cosine)


def test_a_warm_up_shorter_than_an_iteration_is_left_out(tool, toy, folder: Path, tmp_path: Path) -> None:
    """Twelve photographs in one batch, one epoch: the single step is the cosine's first, at the peak."""
    options = ("--cfg-options", "train_dataloader.batch_size=12")
    assert tool("train", toy(), "--data", folder, "--epochs", "1", *options) == 0
    group = torch.load(tmp_path / "work/iter_1.pth", weights_only=False)["optimizer"]["param_groups"][0]
    assert group["lr"] == group["initial_lr"] > 0


def test_epochs_without_the_schedule_are_told_in_runs_and_plans(tool, toy, capsys) -> None:
    remark = "train_cfg.max_epochs=5, but the schedulers end at 2: the lr stays where it is for the rest; --epochs 5"
    options = ("--cfg-options", "train_cfg.max_epochs=5", "train_cfg.stop_after=1")
    assert tool("train", toy(), *options, "--dry-run") == 0
    plan = "".join(capsys.readouterr())
    assert plan.count(remark) == 1 and "paramwise_options" not in plan
    assert tool("train", toy(), *options) == 0
    assert "".join(capsys.readouterr()).count(remark) == 1


def test_data_option_trains_on_a_folder(tool, toy, folder: Path, tmp_path: Path, step_losses) -> None:
    assert tool("train", toy(), "--data", folder, "--cfg-options", "train_cfg.stop_after=3") == 0
    assert len(step_losses(tmp_path / "work")) == 3


def test_bf16_is_used(tool, toy, tmp_path: Path, step_losses) -> None:
    config = toy()
    runs = {}
    for amp in ("off", "bf16"):
        assert tool("train", config, "--amp", amp, "--cfg-options", "train_cfg.stop_after=1") == 0
        runs[amp] = step_losses(tmp_path / "work")[0]["loss"]
    assert runs["off"] != runs["bf16"]
    assert runs["off"] == pytest.approx(runs["bf16"], rel=1e-2)


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """The toy fine-tuning config on few pictures, for the backbone of ``configs/mae/vit-tiny_toy.py``."""
    text = f'''_base_ = "{ROOT}/configs/ccmim/downstream/ft_vit-tiny_toy.py"
work_dir = "{tmp_path}/classifier"
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False, dataset=dict(num_images=8))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(num_images=16))
test_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(num_images=16))
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
'''
    path = tmp_path / "classifier.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_checkpoint_reaches_the_backbone_and_test_repeats_the_metric(
    tool, toy, classifier: Path, tmp_path: Path
) -> None:
    pretrain = ROOT / "configs/mae/vit-tiny_toy.py"
    small = ["train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False", "train_cfg.stop_after=1"]
    small += [
        "default_hooks.checkpoint.by_epoch=False",
        "train_dataloader.dataset.num_images=8",
        "train_dataloader.batch_size=4",
    ]
    assert tool("train", pretrain, "--work-dir", tmp_path / "ssl", "--cfg-options", *small) == 0
    assert tool("train", classifier, "--checkpoint", tmp_path / "ssl/rolling.pth") == 0
    report = json.loads((tmp_path / "classifier/pretrained_report.json").read_text(encoding="utf-8"))
    assert report["checkpoint"] == str(tmp_path / "ssl/rolling.pth")

    scalars = next((tmp_path / "classifier").glob("*/vis_data/scalars.json")).read_text(encoding="utf-8").splitlines()
    seen = next(json.loads(line) for line in scalars if any("top1" in key for key in json.loads(line)))
    out = tmp_path / "metrics.json"
    assert tool("test", classifier, tmp_path / "classifier/epoch_1.pth", "--out", out) == 0
    metrics = json.loads(out.read_text(encoding="utf-8"))
    key = next(key for key in metrics if "top1" in key)
    assert metrics[key] == seen[key]


# ------------------------------------------------------------------ bad input


def refusal(tool, capsys, *arguments: object) -> str:
    assert tool(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "Traceback" not in error
    return error


def test_config_missing(tool, capsys, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    error = refusal(tool, capsys, "train", "configs/ccmim/vit-b_800.py")
    assert "does not exist" in error and "configs/ccmim/vit-b_800e.py" in error
    assert "is a folder" in refusal(tool, capsys, "train", "configs/ccmim")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model.masker": dict(type="RandomMaskr")}, "model.masker.type='RandomMaskr'.*'RandomMasker'"),
        ({"model.masker.mask_ration": 0.5}, "model.masker.mask_ration=0.5: RandomMasker.*'mask_ratio'"),
        ({"train_dataloder": dict(batch_size=2)}, "train_dataloder: nothing reads.*'train_dataloader'"),
        ({"custom_hooks": [dict(type="StepLosHook")]}, r"custom_hooks\[0\].type='StepLosHook'.*'StepLossHook'"),
    ],
)
def test_typos_in_a_config(tool, toy, capsys, changes: dict, expected: str) -> None:
    import re

    error = refusal(tool, capsys, "train", toy(**changes))
    assert re.search(expected, error), error


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("model.masker.mask_ration=0.5", "did you mean 'mask_ratio'"),
        ("model.backbne.img_size=32", "did you mean 'backbone'"),
        ("train_dataloader.batchsize=2", "did you mean 'batch_size'"),
        ("trian_cfg.max_epochs=2", "did you mean 'train_cfg'"),
        ("param_scheduler.7.T_max=2", "no index of a list of 2"),
    ],
)
def test_options_that_lead_nowhere(tool, toy, capsys, option: str, expected: str) -> None:
    assert expected in refusal(tool, capsys, "train", toy(), "--cfg-options", option)


def test_length_in_the_other_unit(tool, toy, capsys) -> None:
    assert "train_cfg.max_epochs=2: use --epochs N" in refusal(tool, capsys, "train", toy(), "--iters", "20")
    with pytest.raises(SystemExit):
        tool("train", toy(), "--iters", "20", "--epochs", "2")


def test_data_that_is_not_there(tool, toy, capsys, tmp_path: Path) -> None:
    error = refusal(tool, capsys, "train", toy(), "--data", tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in error and "does not exist" in error
    (tmp_path / "empty").mkdir()
    error = refusal(tool, capsys, "train", toy(), "--data", tmp_path / "empty")
    assert "no image" in error and str(tmp_path / "empty") in error
    dataset = dict(_delete_=True, type="ImageFolder", root=f"{tmp_path}/imagenet/train")
    error = refusal(tool, capsys, "train", toy(**{"train_dataloader.dataset": dataset}))
    assert f"{tmp_path}/imagenet/train" in error and "--data DIR" in error


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model.masker.mask_ratio": 1.0}, "mask_ratio"),
        ({"model.backbone.img_size": 30}, "30"),
        ({"model.neck.num_heads": 3}, "num_heads=3"),
        ({"model.backbone.pos_embed": "sin"}, "pos_embed='sin' is unknown"),
        ({"train_dataloader.dataset.split": "trian"}, "did you mean 'train'"),
    ],
)
def test_checks_of_the_parts_speak_without_a_traceback(tool, toy, capsys, changes: dict, expected: str) -> None:
    assert expected in refusal(tool, capsys, "train", toy(**changes))


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("visualizer.vis_backends=[...]", "visualizer: vis_backends must be a list of dicts"),
        ("visualizer.save_dirs=x", "did you mean 'save_dir'"),
        ("optim_wrapper.optimizer.lr=-1", "optim_wrapper: Invalid learning rate: -"),
        ("optim_wrapper.clip_grad=5", "optim_wrapper: If `clip_grad` is not None, it should be a `dict`"),
        ("param_scheduler.0.start_factor=-1", "param_scheduler: "),
        ("log_level=INFOO", "log_level='INFOO' is unknown; did you mean 'INFO'?"),
        ("default_hooks.nonfinite.interval=0", "interval: expected a number of steps >= 1, got 0"),
        ("train_cfg.max_epochs=0", "train_cfg.max_epochs=0 must be a whole number from 1 on"),
        ("train_cfg.val_interval=0", "train_cfg.val_interval=0 must be a whole number from 1 on"),
        ("train_cfg.stop_after=0", "train_cfg.stop_after=0 must be a whole number from 1 on"),
        ("train_dataloader.batch_size=-1", ""),
        ("train_dataloader.batch_size=17", "16 images of a process make no batch of 17"),
        ("train_dataloader.persistent_workers=True", "dataloader: persistent_workers option needs num_workers > 0"),
        ("train_dataloader.dataset.split=trian", "did you mean 'train'"),
        ("val_cfg={}", "a validation needs val_dataloader, val_cfg, val_evaluator, but val_dataloader and"),
    ],
)
def test_a_run_and_its_plan_refuse_the_same_options(tool, toy, capsys, option: str, expected: str) -> None:
    config, options = toy(), ("--cfg-options", option)
    if option == "val_cfg={}":
        config, options = toy(val_cfg=dict()), ()
    plan = refusal(tool, capsys, "train", config, "--dry-run", *options)
    assert expected in plan
    assert refusal(tool, capsys, "train", config, *options) == plan


def test_a_plan_looks_for_the_checkpoint_to_resume(tool, toy, capsys, tmp_path: Path) -> None:
    plan = refusal(tool, capsys, "train", toy(), "--dry-run", "--resume")
    assert plan == refusal(tool, capsys, "train", toy(), "--resume")


@pytest.mark.parametrize("lacks_data", [False, True])
def test_whatever_trains_can_be_planned(tool, toy, folder: Path, tmp_path: Path, lacks_data: bool) -> None:
    """A warm-up of half an epoch, which is a single step or has an unknown number of them."""
    options = ["--epochs", "1", "--cfg-options", "train_dataloader.batch_size=12"]
    if lacks_data:
        dataset = dict(_delete_=True, type="ImageFolder", root=f"{tmp_path}/nowhere")
        assert tool("train", toy(**{"train_dataloader.dataset": dataset}), "--dry-run", *options) == 0
    else:
        assert tool("train", toy(), "--data", folder, "--dry-run", *options) == 0
        assert not (tmp_path / "work").exists()


def test_faults_of_the_code_keep_their_traceback(tool, toy, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr("mmmim.launch.prepare.scale_lr", broken)
    with pytest.raises(ValueError, match="a fault"):
        tool("train", toy())


def test_checkpoint_option(tool, toy, classifier: Path, capsys, tmp_path: Path) -> None:
    (tmp_path / "epoch_9.pth").touch()
    error = refusal(tool, capsys, "train", classifier, "--checkpoint", tmp_path / "epoch_8.pth")
    assert "does not exist" in error and "epoch_9.pth" in error
    assert "--checkpoint CKPT" in refusal(tool, capsys, "train", classifier)
    error = refusal(tool, capsys, "train", toy(), "--checkpoint", tmp_path / "epoch_9.pth")
    assert "loads no pre-trained backbone" in error
    error = refusal(tool, capsys, "test", classifier, tmp_path / "epoch_8.pth")
    assert "epoch_8.pth" in error


def test_resume_without_a_checkpoint(tool, toy, capsys, tmp_path: Path) -> None:
    error = refusal(tool, capsys, "train", toy(), "--resume")
    assert str(tmp_path / "work") in error and "--resume auto" in error
    assert "missing.pth" in refusal(tool, capsys, "train", toy(), "--resume", tmp_path / "missing.pth")


def test_launcher_without_its_environment(tool, toy, capsys, monkeypatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    error = refusal(tool, capsys, "train", toy(), "--launcher", "pytorch")
    assert "RANK" in error and "tools/dist_train.sh" in error


def test_pre_training_config_has_no_test(tool, toy, capsys, tmp_path: Path) -> None:
    assert "nothing to test" in refusal(tool, capsys, "test", toy(), tmp_path / "any.pth")


def test_fp16_needs_an_accelerator(tool, toy, capsys, monkeypatch) -> None:
    monkeypatch.setattr("mmmim.launch.options.is_cuda_available", lambda: False)
    assert tool("train", toy(), "--amp", "fp16", "--cfg-options", "train_cfg.stop_after=1") == 0
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count("trains in fp32") == 1
