"""Every shipped recipe builds, and its parts fit each other and pre-training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from recipes import CONFIGS, SHIPPED, build

from mmmim.checkpoint.names import matching
from mmmim.config.check import check_config
from mmmim.registry import MODELS

KNN = sorted(str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.glob("*/downstream/knn_*.py"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_recipe_builds_and_its_parts_fit(name: str) -> None:
    cfg = Config.fromfile(CONFIGS / f"{name}.py")
    check_config(cfg)
    model: Any = build(cfg).train()
    for loader, count in ((cfg.train_dataloader, 2), (cfg.val_dataloader, 1)):
        sizes = {t["size"] for t in loader.dataset.transforms if "Crop" in t["type"]}
        assert len(sizes) == 1
        (size,) = sizes
        images, labels = torch.zeros(count, 3, size, size, device="meta"), torch.zeros(count, device="meta").long()
        if count == 2:
            assert cfg.model.backbone.img_size == size
            classes = cfg.model.head.num_classes
            soft = (
                torch.zeros(count, classes, device="meta") if "batch_augment" in cfg.model.data_preprocessor else labels
            )
            sum(model(images, soft, mode="loss").values()).backward()
            graded = {n for n, p in model.named_parameters() if p.requires_grad and p.grad is not None}
            assert graded == {n for n, p in model.named_parameters() if p.requires_grad}
        else:
            model.eval()
            logits = model(images)
            levels = logits.values() if isinstance(logits, dict) else [logits]
            assert {level.shape for level in levels} == {(1, cfg.model.head.num_classes)}
    augment = cfg.model.data_preprocessor.get("batch_augment")
    assert augment is None or augment.num_classes == cfg.model.head.num_classes
    assert cfg.auto_scale_lr.recipe_batch_size % cfg.train_dataloader.batch_size == 0
    assert [hook.type for hook in cfg.custom_hooks] == ["mmmim.PretrainedReportHook"]
    frozen = not any(p.requires_grad for p in model.backbone.parameters())
    assert frozen == ("linear" in name)


@pytest.mark.parametrize("name", SHIPPED + KNN)
def test_the_encoder_is_the_one_of_pre_training(name: str) -> None:
    method, _, file = name.split("/")
    backbone = file.split("_")[1]
    sources = sorted(CONFIGS.glob(f"{method}/{backbone}_*.py")) or sorted(CONFIGS.glob(f"mae/{backbone}_*.py"))
    cfg = Config.fromfile(CONFIGS / f"{name}.py")
    with DefaultScope.overwrite_default_scope("mmmim"), torch.device("meta"):
        encoder = MODELS.build(cfg.model.backbone)
        ours = encoder.state_dict()
        theirs = MODELS.build(Config.fromfile(sources[-1]).model.backbone).state_dict()
    left_over, absent = theirs.keys() - ours.keys(), ours.keys() - theirs.keys()
    assert left_over == set(matching(left_over, encoder.pretrain_only))
    assert not absent or ("rel_pos_bias.relative_position_bias_table" in left_over and len(absent) == encoder.depth)
    reshaped = {key for key in ours.keys() & theirs.keys() if ours[key].shape != theirs[key].shape}
    assert reshaped == set(matching(reshaped, ("pos_embed", "*.relative_position_bias_table")))
    assert not reshaped or file.startswith("ft")
