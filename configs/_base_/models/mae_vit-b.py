_base_ = ["../imagenet_rgb.py"]

# MAE, He et al. 2022. Widths, patch size and grid of neck and target follow the backbone.
model = dict(
    type="MaskedImageModel",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(type="ViT", arch="base", img_size=224, patch_size=16),
    masker=dict(type="RandomMasker", mask_ratio=0.75),
    neck=dict(type="MAEDecoder", dims=512, depth=8, num_heads=16),
    target_generator=dict(type="PixelTarget", norm_pix="patch"),
    head=dict(type="ReconstructionHead", loss="l2"),
)
