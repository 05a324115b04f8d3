from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmmim.engine.hooks.pretrained_report import PretrainedReportHook
from mmmim.errors import UsageError
from mmmim.models.backbones import ViT

ARCH = dict(embed_dims=16, depth=2, num_heads=2)
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


class Images(Dataset):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=torch.randn(3, 32, 32))


class Downstream(BaseModel):
    def __init__(self, backbone: ViT, bgr_to_rgb: bool = True) -> None:
        super().__init__(dict(type="ImgDataPreprocessor", mean=MEAN, std=STD, bgr_to_rgb=bgr_to_rgb))
        self.backbone = backbone
        self.head = torch.nn.Linear(16, 1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        maps = self.backbone(torch.stack(list(inputs)))
        return dict(loss=self.head(maps[-1].flatten(2).mean(2)).mean())


def downstream(init_cfg: dict | None = None, **settings) -> ViT:
    settings = dict(arch=ARCH, img_size=32, patch_size=8, out_type="featmap", final_norm=False) | settings
    return ViT(**settings, init_cfg=init_cfg)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """What a pre-training run of a ViT at another image size leaves behind."""
    torch.manual_seed(0)
    encoder = ViT(arch=ARCH, img_size=48, patch_size=8)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_()
    state = {f"backbone.{name}": value for name, value in encoder.state_dict().items()}
    state["neck.mask_token"] = torch.zeros(1, 1, 8)
    meta = dict(encoder.describe(), mean=MEAN, std=STD, method="CCMIM", stage="ssl")
    torch.save(dict(state_dict=state, meta=dict(mmmim=meta)), tmp_path / "pretrained.pth")
    return tmp_path / "pretrained.pth"


def edit(checkpoint: Path, change) -> None:
    content = torch.load(checkpoint)
    change(content)
    torch.save(content, checkpoint)


def train(
    work_dir: Path, backbone: ViT | Downstream, hook: PretrainedReportHook | None = None, iterations: int = 1, **runner
) -> Runner:
    built = Runner(
        backbone if isinstance(backbone, Downstream) else Downstream(backbone),
        str(work_dir / "run"),
        train_dataloader=dict(dataset=Images(), batch_size=2, sampler=dict(type="InfiniteSampler")),
        train_cfg=dict(type="IterBasedTrainLoop", max_iters=iterations),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.0)),
        default_hooks=dict(checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=1)),
        custom_hooks=[hook or PretrainedReportHook()],
        experiment_name=f"report_{work_dir.name}_{id(backbone)}",
        default_scope="mmengine",
        **runner,
    )
    built.train()
    return built


def pretrained(checkpoint: Path | None, prefix: str | None = "backbone.") -> dict:
    init_cfg = dict(type="Pretrained", checkpoint=None if checkpoint is None else str(checkpoint))
    return init_cfg if prefix is None else init_cfg | dict(prefix=prefix)


def log_of(runner: Runner) -> str:
    return Path(runner.log_dir, f"{runner.timestamp}.log").read_text(encoding="utf-8")


def test_everything_that_should_arrive_arrives_and_is_counted(tmp_path: Path, checkpoint: Path) -> None:
    backbone = downstream(pretrained(checkpoint))
    runner = train(tmp_path, backbone)
    total = len(backbone.state_dict())
    line = f"loaded {total}/{total} backbone tensors (1 resized: pos_embed; 2 unused: norm.weight, norm.bias; 0 new)"
    assert line in log_of(runner)
    report = json.loads((tmp_path / "run" / "pretrained_report.json").read_text(encoding="utf-8"))
    assert report["loaded_of_expected"] == f"{total}/{total}"
    assert report["resized"] == ["pos_embed"] and report["meta"]["method"] == "CCMIM"
    assert runner.message_hub.get_info("pretrained_loaded") == f"{total}/{total}"
    stored = torch.load(checkpoint)["state_dict"]
    for name, value in backbone.state_dict().items():
        if name != "pos_embed":
            assert torch.equal(value, stored[f"backbone.{name}"]), name
    assert "pre-training" not in log_of(runner)


def test_a_forgotten_prefix_stops_the_run(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(UsageError, match=r"set model\.backbone\.init_cfg\.prefix='backbone\.' \(now None\)"):
        train(tmp_path, downstream(pretrained(checkpoint, prefix=None)))


def test_a_wrong_prefix_stops_the_run(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(UsageError, match=r"prefix='backbone\.' \(now 'encoder\.'\)"):
        train(tmp_path, downstream(pretrained(checkpoint, prefix="encoder.")))


def test_a_file_of_another_method_names_its_tensors(tmp_path: Path, checkpoint: Path) -> None:
    names = [f"backbone.layers.{i}.downsample" for i in range(7)]
    torch.save(dict(state_dict={name: torch.zeros(2) for name in names}), checkpoint)
    with pytest.raises(UsageError, match="no tensor fits ViT") as error:
        train(tmp_path, downstream(pretrained(checkpoint)))
    assert f"the file holds {', '.join(names[:5])} and 2 more" in str(error.value)


def test_a_file_of_another_backbone_needs_another_config(tmp_path: Path, checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=False)
    content["meta"]["mmmim"] |= dict(backbone="Swin", num_heads=[1, 2])
    torch.save(content, checkpoint)
    with pytest.raises(
        UsageError, match=r"written by a Swin, not by a ViT: .*\n  fix: take a config with Swin as model\.backbone"
    ):
        train(tmp_path, downstream(pretrained(checkpoint)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"init_cfg\.checkpoint=.*nowhere\.pth'.*no such file"):
        train(tmp_path, downstream(pretrained(tmp_path / "nowhere.pth")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(arch=dict(ARCH, num_heads=4)), "num_heads is 2 there, 4 here"),  # the shapes cannot tell
        (dict(arch=dict(ARCH, depth=3)), "depth is 2 there, 3 here"),
        (dict(patch_size=4), r"patch_size is \[8, 8\] there, \[4, 4\] here"),
    ],
)
def test_another_architecture_is_told_from_the_meta_data(tmp_path, checkpoint, settings, message) -> None:
    with pytest.raises(UsageError, match=message):
        train(tmp_path, downstream(pretrained(checkpoint), **settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(arch=dict(ARCH, depth=3)), "12 missing in the file: blocks.2.norm1.weight, .* and 7 more"),
        (dict(arch=dict(ARCH, depth=1)), "12 in the file but not in the backbone: blocks.1.norm1.weight"),
        (
            dict(arch=dict(ARCH, mlp_ratio=2)),
            r"6 of another shape in the file: .*fc1\.weight \(file \(64, 16\), backbone \(32, 16\)\)",
        ),
    ],
)
def test_another_architecture_is_told_from_the_tensors(tmp_path, checkpoint, settings, message) -> None:
    edit(checkpoint, lambda content: content.pop("meta"))
    with pytest.raises(UsageError, match=message):
        train(tmp_path, downstream(pretrained(checkpoint), **settings))


def test_not_strict_reports_and_goes_on(tmp_path: Path, checkpoint: Path) -> None:
    backbone = downstream(pretrained(checkpoint), arch=dict(ARCH, depth=3))
    runner = train(tmp_path, backbone, PretrainedReportHook(strict=False))
    total = len(backbone.state_dict())
    assert f"loaded {total - 12}/{total} backbone tensors" in log_of(runner) and runner.iter == 1


def test_weights_overwritten_after_loading_are_noticed(tmp_path: Path, checkpoint: Path) -> None:
    class Forgetful(ViT):
        def init_weights(self) -> None:
            super().init_weights()
            torch.nn.init.zeros_(self.blocks[0].attn.qkv.weight)

    backbone = Forgetful(arch=ARCH, img_size=32, patch_size=8, out_type="featmap", init_cfg=pretrained(checkpoint))
    with pytest.raises(UsageError, match=r"1 loaded, then overwritten: blocks\.0\.attn\.qkv\.weight"):
        train(tmp_path, backbone)


def test_broken_weights_are_noticed(tmp_path: Path, checkpoint: Path) -> None:
    edit(checkpoint, lambda content: content["state_dict"]["backbone.blocks.1.norm1.weight"].fill_(float("nan")))
    with pytest.raises(UsageError, match=r"1 not finite in the file: blocks\.1\.norm1\.weight"):
        train(tmp_path, downstream(pretrained(checkpoint)))


def test_no_checkpoint_trains_from_random_and_says_so(tmp_path: Path) -> None:
    backbone = downstream(pretrained(None))
    runner = train(tmp_path, backbone)
    assert log_of(runner).count("the backbone starts from random initialisation") == 1
    assert not (tmp_path / "run" / "pretrained_report.json").exists() and runner.iter == 1


def test_resuming_does_not_need_the_file(tmp_path: Path, checkpoint: Path) -> None:
    train(tmp_path, downstream(pretrained(checkpoint)))
    checkpoint.unlink()
    runner = train(tmp_path, downstream(pretrained(checkpoint)), iterations=2, resume=True)
    assert runner.iter == 2 and "is not read" in log_of(runner)


def test_stage_and_normalisation_are_compared(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="is of stage 'ssl', this recipe starts from 'ft'"):
        train(tmp_path, downstream(pretrained(checkpoint)), PretrainedReportHook(stage="ft"))
    fix = "run ft.py first, or take upernet-ssl.py"
    with pytest.raises(UsageError, match=rf"fix: {fix}; PretrainedReportHook\.stage=None"):
        train(tmp_path, downstream(pretrained(checkpoint)), PretrainedReportHook(stage="ft", stage_fix=fix))
    edit(checkpoint, lambda content: content["meta"]["mmmim"].update(stage="ft"))
    train(tmp_path, downstream(pretrained(checkpoint)), PretrainedReportHook(stage="ft", stage_fix=fix))
    edit(checkpoint, lambda content: content["meta"]["mmmim"].update(mean=[127.5] * 3))
    log = log_of(train(tmp_path, Downstream(downstream(pretrained(checkpoint)), bgr_to_rgb=False)))
    assert r"pre-training used mean [127.5, 127.5, 127.5], data_preprocessor.mean is [123.6" in log
    assert "set data_preprocessor.bgr_to_rgb=True" in log


def test_backbone_key_is_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Downstream has no 'encoder'; set backbone_key"):
        train(tmp_path, downstream(), PretrainedReportHook(backbone_key="encoder"))
