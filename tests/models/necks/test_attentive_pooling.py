import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmmim.models.classifiers import ImageClassifier
from mmmim.models.necks import AttentivePooling

ARCH = dict(embed_dims=32, depth=2, num_heads=4)
BACKBONES = {
    "vit": dict(type="mmmim.ViT"),
    "no_cls": dict(type="mmmim.ViT", with_cls_token=False),
    "beit": dict(type="mmmim.BEiTViT", mask_mode=None),
}


def classifier(kind: str = "vit", **neck) -> ImageClassifier:
    torch.manual_seed(0)
    settings = dict(arch=ARCH, img_size=(16, 24), patch_size=8, out_type="raw", frozen_stages=2, drop_path_rate=0.5)
    return ImageClassifier(
        backbone=BACKBONES[kind] | settings,
        neck=dict(type="mmmim.AttentivePooling", **neck),
        head=dict(type="mmmim.LinearClsHead", num_classes=4, in_channels=32, norm="bn"),
    )


def images(count: int = 16) -> Tensor:
    return torch.randn(count, 3, 16, 24, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("with_prefix", [False, True])
@pytest.mark.parametrize(("num_queries", "num_heads"), [(1, 4), (3, 4), (2, 1)])
def test_equals_attention_written_out(num_queries: int, num_heads: int, with_prefix: bool) -> None:
    torch.manual_seed(0)
    neck = AttentivePooling(8, num_heads, num_queries, with_prefix=with_prefix).double()
    nn.init.normal_(neck.norm.weight), nn.init.normal_(neck.norm.bias), nn.init.normal_(neck.kv.bias)
    nn.init.normal_(neck.queries)
    tokens = torch.randn(2, 6, 8, dtype=torch.float64)
    x = tokens if with_prefix else tokens[:, 1:]
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()
    x = x * neck.norm.weight + neck.norm.bias
    keys = x @ neck.kv.weight[:8].T + neck.kv.bias[:8]
    values = x @ neck.kv.weight[8:].T + neck.kv.bias[8:]
    width, expected = 8 // num_heads, torch.zeros(2, 8, dtype=torch.float64)
    for image in range(2):
        for head in range(num_heads):
            part = slice(head * width, (head + 1) * width)
            for query in neck.queries:
                weights = (keys[image, :, part] @ query[part] / width**0.5).softmax(0)
                expected[image, part] += weights @ values[image, :, part] / num_queries
    torch.testing.assert_close(neck([tokens]), expected)


def test_equal_tokens_give_their_value_and_order_does_not_matter() -> None:
    neck, token = AttentivePooling(8, 2, num_prefix=0), torch.randn(1, 1, 8)
    torch.testing.assert_close(neck(token.expand(1, 5, 8)), neck.kv(neck.norm(token))[:, 0, 8:])
    tokens = torch.randn(2, 7, 8)
    torch.testing.assert_close(neck(tokens), neck(tokens.flip(1)))


@pytest.mark.parametrize("kind", BACKBONES)
def test_only_the_probe_learns(kind: str) -> None:
    model, labels = classifier(kind), torch.arange(16) % 4
    assert (model.neck.num_heads, model.neck.num_ignored) == (4, model.backbone.num_prefix)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert sum(p.numel() for p in trained) == 2 * 32 + 2 * 32 * 33 + 32 + 4 * 33  # norm, k and v, query, linear
    wrapper = OptimWrapper(torch.optim.AdamW(trained, lr=1e-2))
    model.train()
    losses = [model.train_step(dict(inputs=images(), labels=labels), wrapper)["loss"].item() for _ in range(60)]
    assert losses[0] == pytest.approx(1.386, abs=0.3) and losses[-1] < 0.3
    for name, value in model.state_dict().items():
        assert value.equal(before[name]) == name.startswith("backbone."), name
    assert model.stage == "ssl"


def test_it_finds_the_one_token_that_matters() -> None:
    """One token of sixteen carries the class, at a random place: the mean of all drowns it."""
    torch.manual_seed(0)

    def draw(count: int) -> tuple[Tensor, Tensor]:
        labels, tokens = torch.randint(4, (count,)), torch.randn(count, 16, 16)
        place = torch.randint(16, (count,))
        tokens[torch.arange(count), place] = 0.1 * torch.randn(count, 16)
        tokens[torch.arange(count), place, 0] = 6.0  # marks it
        tokens[torch.arange(count), place, 1 + labels] = 4.0
        return tokens, labels

    def test_accuracy(model: nn.Module) -> float:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        for _ in range(150):
            tokens, labels = draw(64)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(tokens), labels).backward()
            optimizer.step()
        tokens, labels = draw(500)
        return (model(tokens).argmax(1) == labels).float().mean().item()

    class Mean(nn.Module):
        def forward(self, tokens: Tensor) -> Tensor:
            return tokens.mean(1)

    assert test_accuracy(nn.Sequential(AttentivePooling(16, 2, num_prefix=0), nn.Linear(16, 4))) > 0.95
    assert test_accuracy(nn.Sequential(Mean(), nn.Linear(16, 4))) < 0.75


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="in_dims=16 is not divisible by num_heads=3"):
        AttentivePooling(16, 3)
    with pytest.raises(ValueError, match="num_queries=0 must be at least 1"):
        AttentivePooling(16, 2, num_queries=0)
    with pytest.raises(ValueError, match=r"got shape \(2, 16\); set backbone.out_type='raw'"):
        AttentivePooling(16, 2)(torch.randn(2, 16))
