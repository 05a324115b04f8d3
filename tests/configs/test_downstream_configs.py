import json
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from mmengine.runner import Runner

from mmmim.launch.lr_scaling import scale_lr
from mmmim.launch.options import use_checkpoint
from mmmim.models.classifiers.labels import check_labels
from mmmim.registry import MODELS

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of")
CONFIGS = Path(__file__).parents[2] / "configs"


def config(name, processes):
    cfg = Config.fromfile(CONFIGS / name)
    use_checkpoint(cfg, "none")
    scale_lr(cfg, processes)
    return cfg


STEPS = 20  # per epoch


def rates_over_training(cfg, epochs):
    """The groups of the model's parameters, and the lr of each at the start of every epoch and after the last step."""
    with DefaultScope.overwrite_default_scope("mmmim"):
        with torch.device("meta"):
            model = MODELS.build(cfg.model)
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    schedulers = []
    for scheduler in cfg.param_scheduler:
        settings = dict(scheduler)
        kind = PARAM_SCHEDULERS.get(settings.pop("type"))
        assert settings.pop("convert_to_iter_based")
        schedulers.append(kind.build_iter_from_epoch(wrapper, **settings, epoch_length=STEPS))
    groups = [number for number, group in enumerate(wrapper.param_groups) if group["params"][0].is_meta]
    rates = []
    for step in range(epochs * STEPS + 1):
        if step % STEPS == 0:
            rates.append([wrapper.param_groups[number]["lr"] for number in groups])
        for scheduler in schedulers:
            scheduler.step()
    return [wrapper.param_groups[number] for number in groups], rates


def test_fine_tuning_recipe():
    groups, rates = rates_over_training(config("ccmim/downstream/ft_vit-b_100e_in1k.py", processes=32), 100)
    scales = [group["lr_scale"] for group in groups]
    assert min(scales) == pytest.approx(0.75**13) and max(scales) == 1
    top = scales.index(1)
    assert rates[0][top] == pytest.approx(0, abs=1e-7)
    assert rates[5][top] == pytest.approx(4e-3)
    assert rates[100][top] == pytest.approx(1e-6, rel=0.01)
    for epoch in (5, 50, 100):  # every layer keeps its share of the rate to the end
        assert rates[epoch] == pytest.approx([scale * rates[epoch][top] for scale in scales])
    assert {group["weight_decay"] for group in groups} == {0.0, 0.05}


def test_mae_fine_tunes_with_its_repository_values():
    groups, rates = rates_over_training(config("mae/downstream/ft_vit-b_100e_in1k.py", processes=32), 100)
    assert max(rates[5]) == pytest.approx(2e-3) and max(rates[100]) == pytest.approx(1e-6, rel=0.01)
    assert min(group["lr_scale"] for group in groups) == pytest.approx(0.65**13)


def test_linear_probe_recipe():
    groups, rates = rates_over_training(config("ccmim/downstream/linear_vit-b_90e_in1k.py", processes=32), 90)
    assert rates[10] == pytest.approx([6.4]) and rates[90] == pytest.approx([0], abs=1e-4)
    trained = {tuple(p.shape) for group in groups for p in group["params"] if p.requires_grad}
    assert trained == {(1000, 768), (1000,)}


def test_attentive_probe_recipe():
    cfg = config("ccmim/downstream/attentive_vit-b_90e_in1k.py", processes=32)
    groups, rates = rates_over_training(cfg, 90)
    assert cfg.train_dataloader.batch_size * 32 == cfg.auto_scale_lr.recipe_batch_size == 8192
    assert rates[10] == pytest.approx([0.4]) and rates[90] == pytest.approx([0], abs=1e-5)
    assert (groups[0]["momentum"], groups[0]["weight_decay"]) == (0.9, 0)
    # norm, keys and values, one query, the linear layer; nothing of the encoder
    trained = sum(p.numel() for group in groups for p in group["params"] if p.requires_grad)
    assert trained == 2 * 768 + 2 * 768 * 769 + 768 + 769 * 1000


@pytest.mark.parametrize(("percent", "peak"), [(1, 1e-4), (10, 5e-4)])
def test_low_shot_recipe(percent, peak):
    cfg = config(f"ccmim/downstream/lowshot{percent}_vit-b_in1k.py", processes=8)
    groups, rates = rates_over_training(cfg, 100)
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.recipe_batch_size == 512
    assert max(rates[5]) == pytest.approx(peak) and max(rates[100]) == pytest.approx(1e-6, rel=0.01)
    assert min(group["lr_scale"] for group in groups) == pytest.approx(0.65**13)
    assert cfg.train_dataloader.dataset.keep == percent / 100 and "keep" not in cfg.val_dataloader.dataset
    augment = cfg.model.data_preprocessor.batch_augment
    assert (augment is None, cfg.model.backbone.drop_path_rate) == ((True, 0.0) if percent == 1 else (False, 0.1))


def test_non_linear_probe_recipe():
    cfg = config("mae/downstream/nonlinear_vit-b_90e_in1k.py", processes=8)
    groups, rates = rates_over_training(cfg, 90)
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.recipe_batch_size == 1024
    assert rates[10] == pytest.approx([1e-3] * len(groups)) and rates[90] == pytest.approx(
        [1e-6] * len(groups), rel=0.01
    )
    assert {(group["weight_decay"], group["betas"]) for group in groups} == {(0.05, (0.9, 0.999)), (0.0, (0.9, 0.999))}
    # two blocks of ViT-B, the norm, the linear layer; nothing of the encoder
    trained = sum(p.numel() for group in groups for p in group["params"])
    assert trained == 2 * 7_087_872 + 2 * 768 + 769 * 1000


def test_non_linear_toy_probe_starts_from_a_checkpoint(tmp_path):
    pretrained = config("mae/vit-tiny_toy.py", processes=1)
    encoder = MODELS.build(dict(pretrained.model.backbone, type="mmmim.ViT"))
    state = {f"backbone.{name}": value for name, value in encoder.state_dict().items()}
    torch.save(dict(state_dict=state, meta=dict(mmmim=encoder.describe())), tmp_path / "pretrained.pth")
    cfg = Config.fromfile(CONFIGS / "mae/downstream/nonlinear_vit-tiny_toy.py")
    use_checkpoint(cfg, str(tmp_path / "pretrained.pth"))
    scale_lr(cfg, 1)
    cfg.merge_from_dict(
        dict(
            model=dict(neck=dict(depth=4)),
            work_dir=str(tmp_path / "run"),
            experiment_name="nonlinear_probe",
            log_level="WARNING",
            train_dataloader=dict(batch_size=4, dataset=dict(num_images=8)),
            val_dataloader=dict(dataset=dict(num_images=4)),
            train_cfg=dict(max_epochs=1, val_interval=1),
        )
    )
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2 and len(runner.model.neck.blocks) == 4
    total = len(encoder.state_dict())
    assert runner.message_hub.get_info("pretrained_loaded") == f"{total}/{total}"
    for name, value in runner.model.backbone.state_dict().items():
        assert value.equal(encoder.state_dict()[name]), name
    stored = torch.load(tmp_path / "run" / "epoch_1.pth", weights_only=False)
    assert stored["meta"]["mmmim"]["stage"] == "ssl" and any(name.startswith("neck.") for name in stored["state_dict"])


@pytest.mark.parametrize(
    "name",
    [
        "ccmim/downstream/ft_vit-tiny_toy.py",
        "ccmim/downstream/linear_vit-tiny_toy.py",
        "ccmim/downstream/attentive_vit-tiny_toy.py",
        "ccmim/downstream/layerwise_vit-tiny_toy.py",
        "ccmim/downstream/lowshot10_vit-tiny_toy.py",
        "mae/downstream/nonlinear_vit-tiny_toy.py",
    ],
)
def test_toy_configs_train_and_evaluate(name, tmp_path):
    kind = Path(name).stem.split("_")[0]
    cfg = config(name, processes=1)
    cfg.merge_from_dict(
        dict(
            work_dir=str(tmp_path),
            experiment_name=f"{kind}_toy",
            log_level="WARNING",
            train_dataloader=dict(batch_size=8, dataset=dict(num_images=320 if kind == "lowshot10" else 32)),
            val_dataloader=dict(dataset=dict(num_images=16)),
            train_cfg=dict(max_epochs=1, val_interval=1),
            custom_hooks=[dict(type="StepLossHook")],
        )
    )
    runner = Runner.from_cfg(cfg)
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    losses = [
        json.loads(line)["loss"] for line in (tmp_path / "step_losses.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    steps, num_probes, tunes = 4, 6 if kind == "layerwise" else 1, kind in ("ft", "lowshot10")
    assert len(losses) == steps and losses[0] / num_probes == pytest.approx(math.log(8), abs=0.3)
    assert all(map(math.isfinite, losses))
    moved = {name for name, value in runner.model.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("backbone.") for name in moved) == tunes
    assert sum(name.endswith("fc.weight") for name in moved if name.startswith("head.")) == num_probes
    (scalars,) = tmp_path.glob("*/vis_data/scalars.json")
    results = [json.loads(line) for line in scalars.read_text(encoding="utf-8").splitlines()]
    assert any(0 <= result.get("accuracy/top1", -1) <= 100 for result in results)
    checkpoint = torch.load(next(tmp_path.glob("epoch_1.pth")), weights_only=False)
    assert checkpoint["meta"]["mmmim"]["stage"] == ("ft" if tunes else "ssl")


def test_check_labels_accepts_what_is_in_range():
    check_labels(torch.tensor([0, 2]), 3)
