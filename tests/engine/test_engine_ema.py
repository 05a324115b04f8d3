"""MMEngine's EMAHook with our classifier, our checkpoints and our report of pre-trained weights."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmmim.launch.lr_scaling import scale_lr
from mmmim.launch.options import use_checkpoint
from mmmim.registry import MODELS

CONFIGS = Path(__file__).parents[2] / "configs"
MOMENTUM = 0.25  # 1 - decay
ARCH = dict(embed_dims=16, depth=2, num_heads=2)


class WeightsHook(Hook):
    """Keeps the weights after every step, and those that were evaluated last."""

    def __init__(self) -> None:
        self.weights: list[dict] = []
        self.evaluated: dict = {}

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.evaluated = {name: value.clone() for name, value in runner.model.state_dict().items()}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.weights.append({name: value.clone() for name, value in runner.model.state_dict().items()})


@pytest.fixture
def pretrained(tmp_path) -> Path:
    torch.manual_seed(3)
    encoder = MODELS.build(dict(type="mmmim.ViT", arch=ARCH, img_size=64, patch_size=8))
    state = {f"backbone.{name}": value for name, value in encoder.state_dict().items()}
    torch.save(dict(state_dict=state, meta=dict(mmmim=encoder.describe())), tmp_path / "pretrained.pth")
    return tmp_path / "pretrained.pth"


def make_runner(pretrained: Path, name: str, kind: str = "ft", **changes) -> tuple[Runner, WeightsHook]:
    cfg = Config.fromfile(CONFIGS / f"ccmim/downstream/{kind}_vit-tiny_toy.py")
    use_checkpoint(cfg, str(pretrained))
    scale_lr(cfg, 1)
    hook, ema = WeightsHook(), dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=MOMENTUM)
    cfg.model.backbone.update(arch=ARCH, frozen_stages=-1 if kind == "ft" else 2)
    cfg.merge_from_dict(
        dict(
            work_dir=str(pretrained.parent / name.split("-")[0]),
            experiment_name=f"ema_{kind}_{name}_{pretrained.parent.name}",
            log_level="WARNING",
            model=dict(head=dict(in_channels=16)),
            train_dataloader=dict(batch_size=8, dataset=dict(num_images=24)),
            val_dataloader=dict(dataset=dict(num_images=32)),
            test_dataloader=dict(dataset=dict(num_images=32)),
            train_cfg=dict(max_epochs=2, val_interval=1),
            default_hooks=dict(checkpoint=dict(interval=1)),
            custom_hooks=[*cfg.custom_hooks, ema],
            **changes,
        )
    )
    runner = Runner.from_cfg(cfg)
    runner.register_hook(hook, priority="VERY_HIGH")
    return runner, hook


def averaged(weights: list[dict]) -> dict:
    """From the first step's weights on; buffers are the latest."""
    mean = dict(weights[0])
    for latest in weights[1:]:
        mean = {name: value.lerp(latest[name], MOMENTUM) if value.is_floating_point() else latest[name]
                for name, value in mean.items()}  # fmt: skip
    return mean


def accuracies(folder: Path) -> list[float]:
    lines = [
        json.loads(line)
        for path in sorted(folder.glob("*/vis_data/scalars.json"))
        for line in path.open(encoding="utf-8")
    ]
    return [line["accuracy/top1"] for line in lines if "accuracy/top1" in line]


def test_averaged_weights_are_saved_evaluated_and_tested(pretrained):
    runner, hook = make_runner(pretrained, "run")
    runner.train()
    assert len(hook.weights) == 6 and runner.message_hub.get_info("pretrained_loaded") is not None
    expected, stored = averaged(hook.weights), torch.load(pretrained.parent / "run/epoch_2.pth", weights_only=True)
    assert stored["state_dict"].keys() == expected.keys() == hook.weights[-1].keys()
    for name, value in expected.items():
        torch.testing.assert_close(stored["state_dict"][name], value, rtol=1e-5, atol=1e-6)
        assert hook.evaluated[name].equal(stored["state_dict"][name])
        assert stored["ema_state_dict"][f"module.{name}"].equal(hook.weights[-1][name])  # what training goes on with
        assert runner.model.state_dict()[name].equal(hook.weights[-1][name])
    assert not stored["state_dict"]["head.fc.weight"].equal(hook.weights[-1]["head.fc.weight"])
    # testing the file repeats the last validation
    tester, _ = make_runner(pretrained, "test", load_from=str(pretrained.parent / "run/epoch_2.pth"))
    assert tester.test()["accuracy/top1"] == pytest.approx(accuracies(pretrained.parent / "run")[-1])


def test_resumed_average_is_that_of_one_run(pretrained):
    runner, _ = make_runner(pretrained, "whole")
    runner.train()
    first = pretrained.parent / "whole/epoch_1.pth"
    resumed, hook = make_runner(pretrained, "resumed", load_from=str(first), resume=True)
    resumed.train()
    assert len(hook.weights) == 3
    whole, later = (torch.load(pretrained.parent / name / "epoch_2.pth") for name in ("whole", "resumed"))
    for part in ("state_dict", "ema_state_dict"):
        for name, value in whole[part].items():
            assert torch.equal(value, later[part][name]), (part, name)


def test_a_frozen_encoder_stays_as_it_is(pretrained):
    runner, hook = make_runner(pretrained, "frozen", kind="linear")
    runner.train()
    stored = torch.load(pretrained.parent / "frozen/epoch_2.pth")["state_dict"]
    source = torch.load(pretrained)["state_dict"]
    kept = [name for name in stored if name.startswith("backbone.")]
    assert len(kept) > 20 and all(stored[name].equal(source[name]) for name in kept)
    expected = averaged(hook.weights)
    torch.testing.assert_close(stored["head.fc.weight"], expected["head.fc.weight"], rtol=1e-5, atol=1e-6)
    assert stored["head.norm.1.running_mean"].equal(hook.weights[-1]["head.norm.1.running_mean"])
