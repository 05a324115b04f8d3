import pytest
import torch

from mmmim.evaluation.features import extract_features
from mmmim.models.backbones import ViT

ARCH = dict(embed_dims=16, depth=1, num_heads=2)


def batches(indices, size=4):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (10, 3, 16, 16), generator=generator, dtype=torch.uint8)
    for part in torch.tensor(indices).split(size):
        yield dict(inputs=images[part], labels=part % 3, indices=part)


def scale(batch):
    return dict(batch, inputs=batch["inputs"] / 255)


@pytest.mark.parametrize("pool", ["avg", "cls"])
def test_pools_the_normed_tokens_of_each_sample_once_in_index_order(pool):
    backbone = ViT(ARCH, img_size=16, patch_size=8, drop_path_rate=0.9).train()
    features = extract_features(backbone, batches([3, 1, 0, 2, 9, 3, 4, 1]), scale, pool)
    assert backbone.training and not features.x.requires_grad
    assert features.y.tolist() == [0, 1, 2, 0, 1, 0]  # 0, 1, 2, 3, 4, 9
    (whole,) = batches([0, 1, 2, 3, 4, 9], size=6)
    tokens = backbone.eval()(scale(whole)["inputs"])[-1]
    expected = tokens[:, 1:].mean(1) if pool == "avg" else tokens[:, 0]
    torch.testing.assert_close(features.x, expected.detach())


def test_all_output_kinds_agree_on_the_average():
    raw = ViT(ARCH, img_size=16, patch_size=8)
    results = []
    for out_type in ("raw", "avg", "featmap"):
        backbone = ViT(ARCH, img_size=16, patch_size=8, out_type=out_type)
        backbone.load_state_dict(raw.state_dict())
        results.append(extract_features(backbone, batches([0, 1, 2]), scale).x)
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(results[0], results[2])


@pytest.mark.parametrize(
    "pool, with_cls, message", [("max", True, "pool='max' is unknown"), ("cls", False, "no class token")]
)
def test_impossible_pools_are_named(pool, with_cls, message):
    backbone = ViT(ARCH, img_size=16, patch_size=8, with_cls_token=with_cls)
    with pytest.raises(ValueError, match=message):
        extract_features(backbone, batches([0, 1]), scale, pool)


def test_train_mode_is_restored_after_an_error():
    backbone = ViT(ARCH, img_size=16, patch_size=8).train()
    with pytest.raises(ValueError):
        extract_features(backbone, batches([0]), scale, "max")
    assert backbone.training
