import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper

from mmmim.models.backbones import ViT
from mmmim.models.classifiers import ImageClassifier
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
