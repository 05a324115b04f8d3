import pytest
import torch
from mmengine.optim import OptimWrapper
from recomputed import check_same, lively
from torch import Tensor, nn

from mmmim.models.classifiers import ImageClassifier
from mmmim.models.necks import ProbeBlocks
from mmmim.registry import MODELS

ARCH = dict(embed_dims=32, depth=2, num_heads=4)
BACKBONES = {
    "vit": dict(type="mmmim.ViT"),
    "no_cls": dict(type="mmmim.ViT", with_cls_token=False),
    "beit": dict(type="mmmim.BEiTViT", mask_mode=None),
}


def classifier(kind: str = "vit", depth: int = 2, pooling: str | None = None, **options) -> ImageClassifier:
    torch.manual_seed(0)
    settings = dict(arch=ARCH, img_size=16, patch_size=8, out_type="raw", frozen_stages=2, drop_path_rate=0.5)
    return ImageClassifier(
        backbone=BACKBONES[kind] | settings | options,
        neck=dict(type="mmmim.ProbeBlocks", depth=depth, pooling=pooling),
        head=dict(type="mmmim.LinearClsHead", num_classes=4, in_channels=32),
    )


def images(count: int = 16) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize(
    ("kind", "pooling"), [("vit", "cls"), ("vit", "avg"), ("beit", "cls"), ("beit", "avg"), ("no_cls", None)]
)
def test_pooled_rows_equal_the_full_blocks(kind: str, pooling: str | None, depth: int) -> None:
    model = classifier(kind, depth, pooling).double().train()
    tokens = model.backbone(images().double())[-1]
    x, neck = tokens, model.neck
    for block in neck.blocks:
        x = block(x)
    x = neck.norm(x)
    expected = x[:, 0] if pooling == "cls" else x[:, model.backbone.num_prefix :].mean(1)
    assert len(neck.blocks) == depth and neck(tokens).shape == (16, 32)
    torch.testing.assert_close(neck(tokens), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(model(images().double()), model.head.fc(expected), atol=1e-12, rtol=0)


def test_gradients_of_the_saving_are_those_of_the_full_blocks() -> None:
    neck = ProbeBlocks(16, 2).double()
    tokens = torch.randn(3, 5, 16, dtype=torch.float64)
    (neck(tokens) ** 3).sum().backward()
    saved = {name: p.grad.clone() for name, p in neck.named_parameters() if p.grad is not None}
    assert saved.keys() == dict(neck.named_parameters()).keys()  # data parallel training finds all of them
    assert max(grad.abs().max() for grad in saved.values()) > 0.1
    neck.zero_grad()
    neck.norm(nn.Sequential(*neck.blocks)(tokens))[:, 0].pow(3).sum().backward()
    for name, parameter in neck.named_parameters():
        torch.testing.assert_close(parameter.grad, saved[name], atol=1e-10, rtol=0)


def test_width_heads_and_prefix_follow_the_backbone() -> None:
    neck = classifier().neck
    assert (neck.blocks[0].attn.num_heads, neck.norm.weight.shape, neck.num_prefix) == (4, (32,), 1)
    assert neck.blocks[0].mlp.fc1.out_features == 128 and neck.pooling == "cls"
    without = classifier("no_cls").neck
    assert (without.num_prefix, without.pooling) == (0, "avg")
    with torch.device("meta"):
        base = ProbeBlocks(768, 12, depth=2)
    assert sum(p.numel() for p in base.parameters()) == 2 * 7_087_872 + 1536


@pytest.mark.parametrize("kind", BACKBONES)
def test_the_encoder_stays_as_it_is_and_gets_no_gradient(kind: str) -> None:
    model, labels = classifier(kind), torch.arange(16) % 4
    before = {name: value.clone() for name, value in model.state_dict().items()}
    features = model.backbone.eval()(images())[-1]
    model.train()
    assert not any(module.training for block in model.backbone.blocks for module in block.modules())
    assert model.neck.training and model.backbone(images())[-1].equal(features)  # no drop path either
    assert not model.backbone(images())[-1].requires_grad  # no graph
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    wrapper = OptimWrapper(torch.optim.AdamW(trained, lr=3e-3))
    losses = [
        model.train_step(dict(inputs=images(), labels=labels), wrapper)["loss"].item() for _ in range(40)
    ]  # random labels: 16 images learnt by heart
    assert losses[0] == pytest.approx(1.386, abs=0.2) and losses[-1] < 0.1
    assert all(parameter.grad is None for parameter in model.backbone.parameters())
    for name, value in model.state_dict().items():
        assert value.equal(before[name]) == name.startswith("backbone."), name
    assert model.stage == "ssl"  # the encoder has seen no label


def test_relations_between_tokens_are_learnt_that_no_linear_layer_reads() -> None:
    """Label: do two patches have the same sign? No linear function of all token values tells."""
    torch.manual_seed(0)

    def draw(count: int) -> tuple[Tensor, Tensor]:
        signs = torch.randint(2, (count, 2)) * 2 - 1
        tokens = 0.1 * torch.randn(count, 1 + 4, 16)
        tokens[:, 1, 0] += signs[:, 0]
        tokens[:, 4, 0] += signs[:, 1]
        return tokens, (signs[:, 0] == signs[:, 1]).long()

    def test_accuracy(model: nn.Module) -> float:
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for _ in range(150):
            tokens, labels = draw(64)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(tokens), labels).backward()
            optimizer.step()
        tokens, labels = draw(500)
        return (model(tokens).argmax(1) == labels).float().mean().item()

    assert test_accuracy(nn.Sequential(ProbeBlocks(16, 2), nn.Linear(16, 2))) > 0.95
    assert test_accuracy(nn.Sequential(nn.Flatten(), nn.Linear(80, 2))) < 0.8


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="depth=0 must be at least 1"):
        ProbeBlocks(16, 2, depth=0)
    with pytest.raises(ValueError, match="pooling='mean' is unknown"):
        ProbeBlocks(16, 2, pooling="mean")
    with pytest.raises(ValueError, match="use pooling='avg'"):
        classifier("no_cls", pooling="cls")
    with pytest.raises(ValueError, match="in_dims=16 is not divisible by num_heads=3"):
        ProbeBlocks(16, 3)
    with pytest.raises(ValueError, match=r"got shape \(2, 32\); set backbone.out_type='raw'"):
        classifier(out_type="avg")(images(2))


def test_a_neck_that_names_its_width_keeps_it() -> None:
    neck = dict(type="mmmim.ProbeBlocks", in_dims=32, num_heads=2, mlp_ratio=2.0)
    head = dict(type="mmmim.LinearClsHead", num_classes=4, in_channels=32)
    backbone = dict(type="mmmim.ViT", arch=ARCH, img_size=16, patch_size=8, frozen_stages=2)
    model = MODELS.build(dict(type="mmmim.ImageClassifier", backbone=backbone, neck=neck, head=head))
    assert model.neck.blocks[0].attn.num_heads == 2 and model.neck.blocks[0].mlp.fc1.out_features == 64


@pytest.mark.parametrize("pooling", ["cls", "avg"])
def test_probe(pooling: str) -> None:
    model = lively(ProbeBlocks(in_dims=16, num_heads=4, pooling=pooling))
    check_same(model, torch.randn(3, 9, 16, dtype=torch.float64))
