"""An encoder of one file: pre-trained two ways, handed to dense tasks and a classifier, exported to timm."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from other_libraries import differences_elsewhere, job
from torch import Tensor

from mmmim.checkpoint.names import compare, strip_prefix
from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.launch.options import load_config, use_checkpoint
from mmmim.models.layers import PatchMask
from mmmim.plan.sharding import recomputed_blocks

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "projects" / "convnext_encoder"
TOY = dict(depths=(1, 1, 2, 1), dims=(32, 64, 128, 256))
SHORT = {
    "train_cfg.max_epochs": 1,
    "train_dataloader.batch_size": 4,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
    "train_dataloader.dataset.num_images": 8,
    "default_hooks.logger.interval": 1,
}
DENSE = {"upernet": "mmseg", "mask-rcnn": "mmdet"}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(ROOT)


def convnext(**settings: Any) -> Any:
    from projects.convnext_encoder import ConvNeXt

    return ConvNeXt(**{"arch": TOY, "img_size": 64, **settings})


def lively(model: Any) -> Any:
    """Make the blocks do something: at first, LayerScale is a millionth."""
    for name, parameter in model.named_parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1.0) if name.endswith("gamma") else None
    return model


def config_of(task: str) -> str:
    return str(FOLDER / f"{task}_toy.py")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two real steps of each way to pre-train."""
    files = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for method in ("simmim", "cim"):
            cfg = load_config(config_of(method), SHORT, str(tmp_path_factory.mktemp(method)))
            Runner.from_cfg(cfg).train()
            files[method] = Path(cfg.work_dir, "epoch_1.pth")
    return files


# ------------------------------------------------------------------ the encoder


def test_outputs_and_facts() -> None:
    images = torch.randn(2, 3, 64, 96)
    raw, maps = convnext(), convnext(out_type="featmap", out_indices=(0, 1, 2, 3))
    assert (raw.embed_dims, raw.patch_size, raw.stride, raw.grid_size) == (256, (4, 4), (32, 32), (16, 16))
    assert raw(images)[-1].shape == (2, 2 * 3, 256) and raw.grid(images) == (16, 24)
    assert [tuple(each.shape[1:]) for each in maps(images)] == [(32, 16, 24), (64, 8, 12), (128, 4, 6), (256, 2, 3)]
    assert convnext(out_type="avg", out_indices=1)(images)[0].shape == (2, 64)
    assert maps.level_dims() == {"stage1": 32, "stage2": 64, "stage3": 128, "stage4": 256}


def test_nothing_of_a_hidden_cell_is_seen() -> None:
    model, images = lively(convnext()), torch.randn(1, 3, 64, 64)
    hidden = torch.zeros(1, 16, 16, dtype=torch.bool)
    hidden[:, 4:9, 2:12] = True
    pixels = hidden.repeat_interleave(4, 1).repeat_interleave(4, 2).unsqueeze(1)
    mask = PatchMask.from_bool(hidden)
    other = torch.where(pixels, torch.randn_like(images), images)
    assert torch.equal(model(images, mask)[0], model(other, mask)[0])
    assert not torch.equal(model(images)[0], model(images, mask)[0])
    with pytest.raises(UsageError, match="mask_mode='replace'"):
        convnext(mask_mode=None)(images, mask)
    with pytest.raises(UsageError, match="3 channels, the backbone has in_channels=4"):
        convnext(in_channels=4)(images)


def test_layers_and_frozen_stages() -> None:
    model = convnext(frozen_stages=2)
    depth = {name: model.get_layer_depth(f"backbone.{name}", "backbone.") for name, _ in model.named_parameters()}
    assert {number for _, number in depth.values()} == {7}
    assert depth["stem.0.weight"][0] == depth["mask_token"][0] == 0
    assert depth["stages.1.downsample.1.weight"][0] == 1 and depth["stages.2.blocks.1.gamma"][0] == 4
    trained = {name.split(".")[0:2][-1] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {"2", "3"}
    assert not convnext(frozen_stages=4)(torch.randn(1, 3, 64, 64))[0].requires_grad
    with pytest.raises(UsageError, match=r"frozen_stages=5 must lie in -1\.\.4"):
        convnext(frozen_stages=5)


def test_recomputed_blocks_give_the_same_gradients() -> None:
    images, gradients = torch.randn(2, 3, 64, 64, dtype=torch.float64), []
    for with_cp in (False, True):
        torch.manual_seed(0)
        model = lively(convnext(with_cp=with_cp)).double()
        model(images.requires_grad_())[0].square().sum().backward()
        gradients.append([p.grad for name, p in model.named_parameters() if name != "mask_token"])
        assert recomputed_blocks(model) == ({"": 5} if with_cp else {})
    for plain, saving in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, saving)


# ------------------------------------------------------------------ pre-training and what comes after


@pytest.mark.parametrize("method", ["simmim", "cim"])
def test_two_steps_of_pre_training(method: str, checkpoints: dict[str, Path]) -> None:
    stored = torch.load(checkpoints[method], weights_only=False)
    facts = stored["meta"]["mmmim"]
    assert (facts["backbone"], facts["embed_dims"], facts["depths"]) == ("ConvNeXt", 256, [1, 1, 2, 1])
    state = strip_prefix(stored["state_dict"], "backbone")
    assert ("mask_token" in state) == (method == "simmim")
    assert all(bool(value.isfinite().all()) for value in state.values())


def check_arrival(model: torch.nn.Module, file: Path) -> None:
    state = strip_prefix(torch.load(file, weights_only=False)["state_dict"], "backbone")
    torch.nn.Module.load_state_dict(model, state, strict=False)
    report = compare(state, model)
    assert report.complete and len(report.loaded) == report.expected == len(model.state_dict())
    assert set(report.unused) <= {"mask_token"}


@pytest.mark.parametrize("method", ["simmim", "cim"])
@pytest.mark.parametrize("task", DENSE)
def test_every_tensor_arrives_in_a_dense_model(task: str, method: str, checkpoints: dict[str, Path]) -> None:
    cfg = load_config(config_of(task))
    assert cfg.default_scope == DENSE[task]
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model: Any = MODELS.build(cfg.model)
    check_arrival(model.backbone, checkpoints[method])
    maps = model.extract_feat(torch.randn(1, 3, 96, 128))
    assert [each.shape[-1] for each in maps][:4] == [32, 16, 8, 4]


def test_it_is_fine_tuned(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    short = {**SHORT, "train_cfg.val_interval": 1, "val_dataloader.dataset.num_images": 8}
    cfg = load_config(config_of("ft"), short, str(tmp_path))
    use_checkpoint(cfg, str(checkpoints["simmim"]))
    Runner.from_cfg(cfg).train()
    assert read_encoder(tmp_path / "epoch_1.pth").meta["stage"] == "ft"
    _, difference = export(read_encoder(tmp_path / "epoch_1.pth"), "timm", tmp_path / "timm.pth", with_head=True)
    assert difference < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("task", DENSE)
def test_dense_training(task: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    steps = {"upernet": {"train_cfg.max_iters": 20, "train_cfg.val_interval": 20}}
    epochs = {"train_cfg.max_epochs": 2, "train_cfg.val_interval": 2}
    cfg = load_config(config_of(task), steps.get(task, epochs), str(tmp_path))
    use_small_data(cfg, tmp_path / "data")
    use_checkpoint(cfg, str(checkpoints["simmim"]))
    runner, before = Runner.from_cfg(cfg), strip_prefix(torch.load(checkpoints["simmim"])["state_dict"], "backbone")
    runner.train()
    now: dict[str, Tensor] = runner.model.backbone.state_dict()
    assert [name for name, value in now.items() if torch.equal(value, before[name])] == []
    assert all(math.isfinite(value) for value in runner.message_hub.get_scalar("train/loss")._log_history)


def use_small_data(cfg: Config, root: Path) -> None:
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.prepare.update(root=str(root), num_train=16, num_val=4)
        loader.dataset.dataset.data_root = f"{root}/"
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        if "ann_file" in evaluator:
            evaluator.update(ann_file=f"{root}/annotations/instances_val.json", outfile_prefix=f"{cfg.work_dir}/out")


# ------------------------------------------------------------------ export


def stored(model: Any, file: Path) -> Path:
    state = {f"backbone.{name}": value for name, value in model.state_dict().items()}
    torch.save(dict(state_dict=state, meta=dict(mmmim=model.describe())), file)
    return file


@pytest.mark.parametrize("settings", [dict(img_size=(64, 96), in_channels=4), dict(arch="tiny")], ids=["toy", "named"])
def test_features_are_those_of_timm(settings: dict, tmp_path: Path) -> None:
    model = lively(convnext(**settings)).eval()
    usage, difference = export(read_encoder(stored(model, tmp_path / "a.pth")), "timm", tmp_path / "b.pth")
    assert difference < 1e-10 and ("create_model('convnext_tiny'" in usage) == (settings.get("arch") == "tiny")
    names: dict[str, Any] = dict(timm=timm, torch=torch)
    exec(usage, names)
    images = torch.randn(1, model.in_channels, 64, 64)
    with torch.no_grad():
        theirs = names["model"].eval().forward_features(images)
        torch.testing.assert_close(theirs.flatten(2).transpose(1, 2), model(images)[0])


@pytest.mark.parametrize("target", ["timm", "transformers", "torch-export", "onnx"])
def test_folders_are_opened_elsewhere(target: str, tmp_path: Path) -> None:
    if target in ("transformers", "onnx"):
        pytest.importorskip("onnxruntime" if target == "onnx" else target)
    model = lively(convnext(img_size=(64, 96))).eval()
    checkpoint = torch.load(stored(model, tmp_path / "a.pth"))
    checkpoint["meta"]["mmmim"].update(mean=[120.0] * 3, std=[58.0] * 3)
    torch.save(checkpoint, tmp_path / "a.pth")
    assert export(read_encoder(tmp_path / "a.pth"), target, tmp_path / "out")[1] < 1e-4
    images = torch.randn(3, 3, 64, 96)
    with torch.no_grad():
        expected = model(images)[-1]
    assert differences_elsewhere(tmp_path, [job(tmp_path, target, images, expected)])[0] < 1e-4


@pytest.mark.parametrize("target", ["mmpretrain", "official", "torchvision"])
def test_other_libraries_are_refused_with_the_reason(target: str, tmp_path: Path) -> None:
    encoder = read_encoder(stored(convnext(), tmp_path / "a.pth"))
    with pytest.raises(UsageError, match=f"--to {target}: .*ConvNeXt"):
        export(encoder, target, tmp_path / "b.pth")


def test_the_export_tool_finds_the_class(
    checkpoints: dict[str, Path], tmp_path: Path, run_script: Callable[..., object], capsys: pytest.CaptureFixture
) -> None:
    """The user names the module, which the checkpoint's config names too."""
    from mmmim.registry import MODELS as OURS

    known = OURS.module_dict.pop("ConvNeXt")
    try:
        words = (checkpoints["simmim"], "--to", "timm", "--out", tmp_path / "timm.pth")
        with pytest.MonkeyPatch.context() as patch:
            patch.delitem(__import__("sys").modules, "projects.convnext_encoder")
            patch.delitem(__import__("sys").modules, "projects.convnext_encoder.convnext")
            assert run_script("tools/export.py", *words) == 2
            assert "the run imported ['projects.convnext_encoder']" in capsys.readouterr().err
            assert run_script("tools/export.py", *words, "--custom-imports", "projects.convnext_encoder") == 0
    finally:
        OURS.module_dict["ConvNeXt"] = known
    assert "timm.models.convnext.ConvNeXt(" in capsys.readouterr().out
