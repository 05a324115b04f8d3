"""SimMIM's Swin and ViT in segmentation, detection and classification: other windows, other sizes, every tensor."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from dense_run import ROOT, Run, pre_train, short_classification, short_dense, train_classifier
from mmengine.runner import Runner

from mmmim.checkpoint.names import compare, strip_prefix
from mmmim.errors import UsageError
from mmmim.launch import options as run_options
from mmmim.launch.lr_scaling import scale_lr
from mmmim.models.backbones import BEiTViT, Swin
from mmmim.models.layers.relative_position import resize_bias_table, resize_rel_pos_table

SIMMIM = ROOT / "configs" / "simmim"
SHORT = short_dense(iterations=20, epochs=5)
CLASSIFICATION = short_classification(epochs=5, batch_size=16, images=64)
RATES = {"ft": 4e-3, "linear": 0.2}  # absolute, for batches of 16
UNUSED = {"swin": ["mask_token"], "vit": ["mask_token", "norm.weight", "norm.bias"]}
SHARED = "rel_pos_bias.relative_position_bias_table"


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints of two real steps of SimMIM's toy recipes."""
    return {kind: pre_train(SIMMIM / f"{kind}-tiny_toy.py", tmp_path_factory.mktemp(kind)) for kind in ("swin", "vit")}


def config_of(task: str, kind: str) -> str:
    return str(SIMMIM / "downstream" / f"{task}_{kind}-tiny_toy.py")


@pytest.fixture(
    scope="module", params=[(task, kind) for task in ("upernet", "mask-rcnn") for kind in ("swin", "vit")], ids="-".join
)
def handed_over(
    request: pytest.FixtureRequest, encoders: dict[str, Path], dense: Callable[..., Run]
) -> tuple[str, Run, Path]:
    task, kind = request.param
    return kind, dense(config_of(task, kind), encoders[kind], SHORT[task]), encoders[kind]


def test_every_tensor_arrives_and_is_trained(handed_over: tuple[str, Run, Path]) -> None:
    kind, run, _ = handed_over
    report = json.loads((run.work_dir / "pretrained_report.json").read_text(encoding="utf-8"))
    tables = [name for name in run.spy.start if name.endswith("relative_position_bias_table")]
    new = [f"norm{stage}.{part}" for stage in (0, 1) for part in ("weight", "bias")] if kind == "swin" else []
    total = len(run.spy.start) - len(new)
    assert f"loaded {total}/{total} backbone tensors" in run.log
    assert report["resized"] == tables and len(tables) == (8 if kind == "swin" else 6)
    assert (report["unused"], report["new"]) == (UNUSED[kind], new)
    assert report["copied"] == ([] if kind == "swin" else [SHARED])
    assert run.spy.without_gradient == []  # what DistributedDataParallel would complain about
    now = run.runner.model.backbone.state_dict()
    assert [name for name, value in run.spy.start.items() if torch.equal(value, now[name])] == []


def test_tables_hold_what_pre_training_learnt(handed_over: tuple[str, Run, Path]) -> None:
    kind, run, file = handed_over
    stored = strip_prefix(torch.load(file)["state_dict"], "backbone")
    for name, value in run.spy.start.items():
        if not name.endswith("relative_position_bias_table"):
            assert name not in stored or torch.equal(value, stored[name])
        elif kind == "swin":
            assert len(stored[name]) == 7 * 7 and torch.equal(value, resize_bias_table(stored[name], (6, 6)))
        else:
            grid = run.runner.model.backbone.grid_size
            assert torch.equal(value, resize_rel_pos_table(stored[SHARED], (8, 8), grid, 3)) and grid == (12, 12)


def test_dense_losses_fall_and_metrics_are_written(handed_over: tuple[str, Run, Path]) -> None:
    _, run, _ = handed_over
    losses = run.spy.losses
    assert len(losses) == 20 and all(map(math.isfinite, losses))
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    row = json.loads(run.scalars.read_text(encoding="utf-8").splitlines()[-1])
    assert 0 < row["mIoU"] < 100 if "mIoU" in row else 0 <= row["coco/bbox_mAP"] <= 1


@pytest.mark.parametrize(("task", "kind"), [("ft", "swin"), ("ft", "vit"), ("linear", "swin")])
def test_classification(task: str, kind: str, encoders: dict[str, Path], tmp_path: Path) -> None:
    """Swin lacks the head and has the mask token too many; ViT also gets a new norm for the final one."""
    options = {**CLASSIFICATION, "optim_wrapper.optimizer.lr": RATES[task]}
    run = train_classifier(config_of(task, kind), encoders[kind], options, tmp_path)
    report, spy = run.report, run.spy
    assert (report["unused"], report["new"], report["missing"], report["unexpected"]) == (UNUSED[kind], [], [], [])
    assert report["loaded_of_expected"] == f"{len(spy.start)}/{len(spy.start)}"
    head = {name.rpartition(".")[0] for name in run.runner.model.state_dict() if not name.startswith("backbone.")}
    trained = {"head.fc", "head.norm.0"} if kind == "vit" else {"head.fc"}
    assert {name for name in head if "data_preprocessor" not in name} - trained <= {"head.norm.0"}
    assert len(report["resized"]) == (8 if (task, kind) == ("ft", "swin") else 0)
    assert len(spy.losses) == 20 and all(map(math.isfinite, spy.losses))
    if task == "ft":  # a probe of an untrained encoder needs more steps than these
        assert sum(spy.losses[-4:]) < 0.98 * sum(spy.losses[:4])
    assert run.unchanged == (list(spy.start) if task == "linear" else [])


@pytest.mark.parametrize(
    ("task", "kind", "file", "options", "reason"),
    [
        ("upernet", "swin", "swin", {"arch.num_heads": [2, 4, 8]}, r"another Swin: num_heads is \[1, 2, 4\] there, "),
        (
            "upernet",
            "swin",
            "swin",
            {"arch.depths": [2, 2, 6]},
            r"another Swin: depths is \[2, 2, 4\] there, \[2, 2, 6\]",
        ),
        ("upernet", "swin", "swin", {"patch_size": 4}, r"another Swin: patch_size is \[2, 2\] there, \[4, 4\] here"),
        ("upernet", "swin", "vit", {}, r"was written by a BEiTViT, not by a Swin: num_heads is 4 there, \[1, 2, 4\]"),
        ("ft", "vit", "vit", {"arch.num_heads": 8}, r"another BEiTViT: num_heads is 4 there, 8 here"),
        ("ft", "vit", "swin", {}, r"was written by a Swin, not by a BEiTViT"),
        ("ft", "vit", "vit", {"layer_scale": None}, r"does not fit BEiTViT: .*\n.*in the file but not in the backbone"),
    ],
)
def test_another_encoder_is_refused(
    task: str, kind: str, file: str, options: dict, reason: str, encoders: dict[str, Path], tmp_path: Path
) -> None:
    changed = {f"model.backbone.{name}": value for name, value in options.items()}
    cfg = run_options.load_config(config_of(task, kind), changed, str(tmp_path))
    run_options.use_checkpoint(cfg, str(encoders[file]))
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        if "prepare" in loader.dataset:
            loader.dataset.prepare.update(root=str(tmp_path / "data"), num_train=2, num_val=1)
            loader.dataset.dataset.data_root = f"{tmp_path}/data/"
    with pytest.raises(UsageError, match=reason):
        Runner.from_cfg(cfg).train()


@pytest.mark.parametrize("window", [3, 5, (4, 7)])
def test_windows_and_sizes_may_differ(window: int | tuple[int, int], encoders: dict[str, Path]) -> None:
    state = strip_prefix(torch.load(encoders["swin"])["state_dict"], "backbone")
    arch = dict(embed_dims=32, depths=(2, 2, 4), num_heads=(1, 2, 4))
    settings = dict(arch=arch, patch_size=2, img_size=(96, 128), window_size=window, dynamic_size=True, mask_mode=None)
    model = Swin(**settings, out_type="featmap", out_indices=(0, 1, 2))
    torch.nn.Module.load_state_dict(model, state, strict=False)
    report = compare(state, model)
    assert (
        report.complete
        and len(report.resized) == 8
        and report.new == [f"norm{stage}.{part}" for stage in (0, 1) for part in ("weight", "bias")]
    )
    assert [tuple(x.shape[1:]) for x in model(torch.randn(1, 3, 46, 70))] == [(32, 23, 35), (64, 12, 18), (128, 6, 9)]


def test_a_table_per_block_does_not_become_a_shared_one(encoders: dict[str, Path]) -> None:
    settings = dict(arch=dict(embed_dims=128, depth=6, num_heads=4), img_size=64, patch_size=8)
    shared, block = BEiTViT(**settings), BEiTViT(**settings, rel_pos="block")
    report = compare(block.state_dict(), shared)
    assert report.missing == [SHARED] and len(report.unexpected) == 6


def final_metrics(task: str, kind: str, file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.chdir(folder)  # data/ is made there
    cfg = run_options.load_config(config_of(task, kind), {}, str(folder / "run"))
    run_options.use_checkpoint(cfg, str(file))
    scale_lr(cfg, 1)
    Runner.from_cfg(cfg).train()
    rows = next((folder / "run").glob("*/vis_data/scalars.json")).read_text(encoding="utf-8").splitlines()
    return json.loads(rows[-1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["swin", "vit"])
@pytest.mark.parametrize(
    ("task", "metric", "least"),
    [("upernet", "mIoU", 40), ("mask-rcnn", "coco/bbox_mAP_50", 0.2), ("ft", "accuracy/top1", 20)],
)
def test_whole_toy_recipes(
    task: str,
    metric: str,
    least: float,
    kind: str,
    encoders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Background everywhere gives an mIoU of 30, guessing one of eight classes 12.5 %."""
    assert final_metrics(task, kind, encoders[kind], tmp_path, monkeypatch)[metric] > least
