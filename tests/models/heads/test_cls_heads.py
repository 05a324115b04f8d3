import pytest
import torch
import torch.nn.functional as F

from mmmim.models.heads.cls_heads import LinearClsHead


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


def test_label_smoothing_of_the_head_equals_timm_mixup_smoothing():
    from timm.data.mixup import mixup_target

    labels, logits = torch.arange(4), torch.randn(4, 4)
    head = LinearClsHead(4, 4, label_smoothing=0.1)
    head.fc = torch.nn.Identity()
    unsmoothed = mixup_target(labels, 4, lam=0.3, smoothing=0.0)
    smoothed = mixup_target(labels, 4, lam=0.3, smoothing=0.1)
    expected = -(smoothed * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(head.loss(logits, unsmoothed)["loss_cls"], expected)
