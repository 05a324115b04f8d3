import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper

from mmmim.models.backbones import ViT
from mmmim.models.classifiers import ClsBatchAugment, ImageClassifier
from mmmim.models.heads.cls_heads import LinearClsHead


def tiny_vit(**options):
    return ViT(
        **{
            "arch": dict(embed_dims=32, depth=2, num_heads=2),
            "img_size": 16,
            "patch_size": 8,
            "out_type": "avg",
            "final_norm": False,
            **options,
        }
    )


def classifier(norm=("ln",), num_classes=4, **options):
    torch.manual_seed(0)
    return ImageClassifier(tiny_vit(**options), LinearClsHead(num_classes, 32, norm=norm))


def batch(count=32, num_classes=4):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, 16, 16, generator=generator)
    return dict(inputs=images, labels=torch.arange(count) % num_classes, indices=torch.arange(count))


def test_global_pool_is_mae_fc_norm_on_the_mean_of_unnormed_patches():
    model, images = classifier(), batch(3)["inputs"]
    tokens = model.backbone.with_cls(model.backbone.embed(images))
    for block in model.backbone.blocks:
        tokens = block(tokens)
    expected = model.head.fc(F.layer_norm(tokens[:, 1:].mean(1), (32,), eps=1e-6))
    torch.testing.assert_close(model(images), expected)


def test_cls_pool_is_the_normed_class_token():
    model, images = classifier(norm=(), out_type="cls", final_norm=True), batch(3)["inputs"]
    torch.manual_seed(0)
    tokens = tiny_vit(out_type="raw", final_norm=True)
    tokens.load_state_dict(model.backbone.state_dict())
    torch.testing.assert_close(model(images), model.head.fc(tokens(images)[-1][:, 0]))


def test_every_new_tensor_lies_outside_the_backbone():
    model = classifier()
    outside = {name for name in model.state_dict() if not name.startswith("backbone.")}
    assert outside == {"head.norm.0.weight", "head.norm.0.bias", "head.fc.weight", "head.fc.bias"}


def test_overfits_32_images():
    model, data = classifier(freeze_pos=False), batch()
    wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=3e-3))
    first = model.train_step(data, wrapper)["loss"].item()
    for _ in range(60):
        last = model.train_step(data, wrapper)["loss"].item()
    model.eval()
    predictions = model.val_step(data)
    assert first == pytest.approx(1.386, abs=0.2) and last < 0.1
    assert all(p["pred_scores"].argmax() == p["label"] for p in predictions)
    assert [int(p["index"]) for p in predictions] == list(range(32))
    assert predictions[0]["pred_scores"].sum().item() == pytest.approx(1, abs=1e-5)


def test_frozen_backbone_is_bit_identical_after_training():
    model, data = classifier(norm=("ln_fixed", "bn"), frozen_stages=2, drop_path_rate=0.5), batch()
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    model.train()
    assert not any(module.training for block in model.backbone.blocks for module in block.modules())
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert len(trainable) == 2  # weight and bias of the linear layer
    wrapper = OptimWrapper(torch.optim.SGD(trainable, lr=0.5))
    losses = [model.train_step(data, wrapper)["loss"].item() for _ in range(20)]
    assert losses[-1] < 0.8 * losses[0]
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not model.extract_features(data["inputs"]).requires_grad


@pytest.mark.parametrize(
    "labels, message",
    [
        (torch.tensor([-1, -1]), "labels: the dataset has no labels"),
        (torch.tensor([0, 4]), r"found class id 4, but num_classes=4 allows 0..3"),
    ],
)
def test_bad_labels_are_named_before_the_step(labels, message):
    model = classifier()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match=message):
        model.train_step(dict(batch(2), labels=labels), wrapper)


def test_tokens_without_pooling_are_refused():
    with pytest.raises(ValueError, match=r"backbone.out_type='avg' or 'cls'"):
        classifier(out_type="raw")(batch(2)["inputs"])


# ---------------------------------------------------------------- head


def test_linear_probe_norms_have_no_weights_and_equal_the_formula():
    head, features = LinearClsHead(3, 8, norm=("ln_fixed", "bn")), 5 * torch.randn(16, 8) + 2
    assert {name for name, _ in head.named_parameters()} == {"fc.weight", "fc.bias"}
    normed = F.layer_norm(features, (8,), eps=1e-6)
    normed = (normed - normed.mean(0)) / (normed.var(0, unbiased=False) + 1e-6).sqrt()
    torch.testing.assert_close(head(features), head.fc(normed))
    with pytest.raises(ValueError, match="batch of 1"):
        head(features[:1])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("kind", ["ce", "bce"])
def test_losses_equal_their_formulas(smoothing, soft, kind):
    generator = torch.Generator().manual_seed(0)
    head = LinearClsHead(5, 8, loss=kind, label_smoothing=smoothing, init_std=1.0)
    features, labels = torch.randn(6, 8, generator=generator), torch.randint(5, (6,), generator=generator)
    target = F.one_hot(labels, 5).float()
    if soft:
        target = 0.3 * target + 0.7 * target.flip(0)
    smoothed = target * (1 - smoothing) + smoothing / 5
    logits = head(features)
    if kind == "ce":
        expected = -(smoothed * logits.log_softmax(1)).sum(1).mean()
    else:
        p = logits.sigmoid()
        expected = -(smoothed * p.log() + (1 - smoothed) * (1 - p).log()).mean()
    torch.testing.assert_close(head.loss(features, target if soft else labels)["loss_cls"], expected)


def test_bce_threshold_and_sum():
    head = LinearClsHead(4, 4, loss="bce", label_smoothing=0.1, bce_threshold=0.2, bce_sum_classes=True)
    features, labels = torch.randn(6, 4), torch.arange(6) % 4
    expected = F.binary_cross_entropy_with_logits(head(features), F.one_hot(labels, 4).float()) * 4
    torch.testing.assert_close(head.loss(features, labels)["loss_cls"], expected)


@pytest.mark.parametrize("change", [{"norm": "gn"}, {"loss": "mse"}, {"label_smoothing": 1.0}, {"num_classes": 1}])
def test_bad_head_options_are_named(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        LinearClsHead(**{"num_classes": 3, "in_channels": 8, **change})


# ---------------------------------------------------------------- batch augmentation


@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
@pytest.mark.parametrize("mixup, cutmix", [(0.8, 0.0), (0.0, 1.0)])
def test_soft_targets_state_what_was_mixed(mode, mixup, cutmix):
    augment = ClsBatchAugment(8, mixup=mixup, cutmix=cutmix, mode=mode)
    labels = torch.arange(8)
    images = labels.float().view(8, 1, 1, 1).expand(8, 3, 32, 32).contiguous()
    mixed, target = augment(images, labels)
    assert torch.equal(images[:, 0, 0, 0], labels.float())  # the batch handed in is left alone
    torch.testing.assert_close(target.sum(1), torch.ones(8))
    torch.testing.assert_close(mixed.mean((1, 2, 3)), target @ labels.float(), atol=1e-4, rtol=1e-4)


def test_label_smoothing_of_the_head_equals_timm_mixup_smoothing():
    from timm.data.mixup import mixup_target

    labels, logits = torch.arange(4), torch.randn(4, 4)
    head = LinearClsHead(4, 4, label_smoothing=0.1)
    head.fc = torch.nn.Identity()
    unsmoothed = mixup_target(labels, 4, lam=0.3, smoothing=0.0)
    smoothed = mixup_target(labels, 4, lam=0.3, smoothing=0.1)
    expected = -(smoothed * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(head.loss(logits, unsmoothed)["loss_cls"], expected)


def test_erasing_fills_rectangles_only():
    import random

    random.seed(0)
    images = torch.full((64, 3, 32, 32), 7.0)
    erased, labels = ClsBatchAugment(4, erasing=0.25)(images, torch.arange(64) % 4)
    changed = (erased != 7).all(1)  # (B, H, W)
    hit = changed.flatten(1).any(1)
    assert 8 <= hit.sum() <= 26 and labels.ndim == 1
    for mask in changed[hit]:
        rows, columns = mask.any(1), mask.any(0)
        assert mask.sum() == rows.sum() * columns.sum() and mask.sum() <= 0.4 * 32 * 32


def test_odd_batches_name_the_fix():
    with pytest.raises(ValueError, match="even"):
        ClsBatchAugment(3, mixup=0.8)(torch.zeros(3, 3, 8, 8), torch.arange(3))
