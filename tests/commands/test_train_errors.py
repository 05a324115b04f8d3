"""tools/train.py and tools/test.py: what they say when they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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
    monkeypatch.setattr("mmmim.launch.precision.is_cuda_available", lambda: False)
    assert tool("train", toy(), "--amp", "fp16", "--cfg-options", "train_cfg.stop_after=1") == 0
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count("trains in fp32") == 1
