from mmmim.models.backbones import ViT

SMALL = dict(embed_dims=48, depth=3, num_heads=4)


def vit(**options) -> ViT:
    options = dict(dict(arch=SMALL, img_size=(32, 64), patch_size=8, in_channels=5), **options)
    return ViT(**options).eval()
