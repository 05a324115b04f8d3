import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor

from mmmim.engine.optim.lars import LARS
from mmmim.evaluation.accuracy import Accuracy
from mmmim.models.classifiers import ImageClassifier

VIT = dict(arch=dict(embed_dims=16, depth=3, num_heads=2), img_size=16, patch_size=8, drop_path_rate=0.5)
BACKBONES = {
    "vit": dict(type="mmmim.ViT", **VIT),
    "beit": dict(type="mmmim.BEiTViT", mask_mode=None, **VIT),
    "swin": dict(
        type="mmmim.Swin",
        arch=dict(embed_dims=8, depths=(1, 1, 1), num_heads=(1, 2, 4)),
        img_size=16,
        patch_size=2,
        window_size=2,
        mask_mode=None,
    ),
    "resnet": dict(
        type="mmmim.ResNet",
        depth=dict(block="basic", depths=(1, 1, 1, 1), channels=8),
        img_size=16,
        mask_mode=None,
    ),
}
DEPTHS = dict(vit=3, beit=3, swin=3, resnet=4)
WIDTHS = dict(vit=[16, 16, 16], beit=[16, 16, 16], swin=[8, 16, 32], resnet=[8, 16, 32, 64])


def layerwise(kind: str, out_indices: list[int], out_type: str = "avg", **head) -> ImageClassifier:
    torch.manual_seed(0)
    settings = dict(BACKBONES[kind], out_type=out_type, out_indices=out_indices, frozen_stages=DEPTHS[kind])
    if kind in ("vit", "beit"):
        settings["final_norm"] = False
    return ImageClassifier(settings, dict(type="mmmim.LayerwiseClsHead", num_classes=4, **head))


def batches(count: int) -> list[dict]:
    generator = torch.Generator().manual_seed(1)
    return [
        dict(
            inputs=torch.randn(8, 3, 16, 16, generator=generator),
            labels=torch.randint(4, (8,), generator=generator),
            indices=torch.arange(8),
        )
        for _ in range(count)
    ]


def train(model: ImageClassifier, optimizer: type, steps: int = 6, **options) -> list[Tensor]:
    model.train()
    wrapper = OptimWrapper(optimizer([p for p in model.parameters() if p.requires_grad], **options))
    return [model.train_step(copy.deepcopy(batch), wrapper) for batch in batches(steps)]


OPTIMIZERS = {
    "sgd": (torch.optim.SGD, dict(lr=0.5, momentum=0.9)),
    "adamw": (torch.optim.AdamW, dict(lr=1e-2, weight_decay=0.1)),
    "lars": (LARS, dict(lr=1.0, momentum=0.9, weight_decay=0.0, trust_coefficient=0.1)),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("kind", "norm"), [("vit", []), ("beit", "bn"), ("swin", ["ln_fixed", "bn"]), ("resnet", "ln")]
)
def test_each_probe_ends_as_if_trained_alone(kind: str, norm, optimizer: str) -> None:
    """Bit for bit: weights, running statistics and losses."""
    indices, (cls, options) = list(range(DEPTHS[kind])), OPTIMIZERS[optimizer]
    together = layerwise(kind, indices, norm=norm)
    start = copy.deepcopy(together.state_dict())
    logs = train(together, cls, **options)
    for index, (name, probe) in zip(indices, together.head.probes.items(), strict=True):
        alone = layerwise(kind, [index])
        alone.backbone.load_state_dict(together.backbone.state_dict(), strict=False)
        head = dict(type="mmmim.LinearClsHead", num_classes=4, in_channels=WIDTHS[kind][index], norm=norm)
        alone = ImageClassifier(alone.backbone, head)
        prefix = f"head.probes.{name}."
        alone.head.load_state_dict({k.removeprefix(prefix): v for k, v in start.items() if k.startswith(prefix)})
        losses = train(alone, cls, **options)
        assert [log[f"loss_{name}"].item() for log in logs] == [log["loss_cls"].item() for log in losses]
        assert not alone.head.fc.weight.equal(start[f"{prefix}fc.weight"])
        for key, value in alone.head.state_dict().items():
            assert value.equal(probe.state_dict()[key]), (name, key)
    for key, value in together.backbone.state_dict().items():
        assert value.equal(start[f"backbone.{key}"]), key


@pytest.mark.parametrize("kind", BACKBONES)
def test_widths_and_names_follow_the_backbone(kind: str) -> None:
    model = layerwise(kind, [0, DEPTHS[kind] - 1])
    unit = "block" if kind in ("vit", "beit") else "stage"
    assert list(model.head.probes) == [f"{unit}1", f"{unit}{DEPTHS[kind]}"]
    widths = [probe.fc.in_features for probe in model.head.probes.values()]
    assert widths == [WIDTHS[kind][0], WIDTHS[kind][-1]]
    logits = model(torch.randn(2, 3, 16, 16))
    assert {name: tuple(value.shape) for name, value in logits.items()} == {n: (2, 4) for n in model.head.probes}


def test_simmims_protocol_is_one_block_of_it() -> None:
    """Mean of the patch tokens after a middle block, no norm: the second of three blocks here, the eighth of twelve."""
    model = layerwise("beit", [1]).eval()
    images = torch.randn(2, 3, 16, 16)
    tokens = model.backbone.embed(images)
    biases = model.backbone._shared_biases((2, 2))
    for block in model.backbone.blocks[:2]:
        tokens = model.backbone.run_block(block, tokens, biases, (2, 2))
    probe = model.head.probes["block2"]
    torch.testing.assert_close(model(images)["block2"], probe.fc(tokens[:, 1:].mean(1)))


def test_class_token_of_every_block() -> None:
    model = layerwise("vit", [0, 2], out_type="cls").eval()
    images = torch.randn(2, 3, 16, 16)
    tokens = model.backbone.with_cls(model.backbone.embed(images))
    for index, block in enumerate(model.backbone.blocks):
        tokens = block(tokens)
        if index in (0, 2):
            name = f"block{index + 1}"
            torch.testing.assert_close(model(images)[name], model.head.probes[name].fc(tokens[:, 0]))


def test_losses_are_logged_by_block_and_summed() -> None:
    (log,) = train(layerwise("vit", [0, 1, 2]), torch.optim.SGD, steps=1, lr=0.1)
    assert list(log) == ["loss", "loss_block1", "loss_block2", "loss_block3"]
    assert log["loss"] == sum(log[f"loss_block{i}"] for i in (1, 2, 3))


def test_accuracy_names_every_block_and_the_best() -> None:
    model = layerwise("vit", [0, 2]).eval()
    metric, right = Accuracy(topk=(1, 2)), dict(block1=0, block3=0)
    for number, batch in enumerate(batches(3)):
        batch["indices"] += 8 * number
        predictions = model.val_step(copy.deepcopy(batch))
        metric.process(None, predictions)
        logits = model(batch["inputs"])
        for name in right:
            right[name] += int((logits[name].argmax(1) == batch["labels"]).sum())
    result = metric.evaluate(24)
    expected = {name: 100 * count / 24 for name, count in right.items()}
    assert {name: result[f"accuracy/{name}_top1"] for name in right} == pytest.approx(expected)
    best = max(expected, key=expected.__getitem__)
    assert result["accuracy/best_block"] == int(best[-1])
    assert result["accuracy/top1"] == pytest.approx(expected[best])
    assert result["accuracy/top2"] == result[f"accuracy/{best}_top2"]


def test_trainable_encoders_and_wrong_levels_are_refused() -> None:
    settings = dict(BACKBONES["vit"], out_type="avg", out_indices=[0, 1])
    head = dict(type="mmmim.LayerwiseClsHead", num_classes=4)
    with pytest.raises(ValueError, match=r"probes a frozen encoder: set backbone.frozen_stages=3 \(now -1\)"):
        ImageClassifier(settings, head)
    frozen = dict(settings, frozen_stages=3)
    with pytest.raises(ValueError, match=r"levels: 1 \(last\), but the backbone gives 2 outputs"):
        ImageClassifier(frozen, dict(head, levels=dict(last=16)))(torch.randn(2, 3, 16, 16))
    with pytest.raises(ValueError, match="levels: name at least one output"):
        ImageClassifier(frozen, dict(head, levels={}))
