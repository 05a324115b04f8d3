_base_ = ["../imagenet_rgb.py"]

# Beyond Masking, Tian et al. 2022: MAE with a smaller decoder; targets are standardised per patch and channel.
model = dict(
    type="MaskedImageModel",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(type="ViT", arch="base", img_size=224, patch_size=16),
    masker=dict(type="RandomMasker", mask_ratio=0.75),
    neck=dict(type="MAEDecoder", dims=384, depth=4, num_heads=6),
    target_generator=dict(type="PixelTarget", norm_pix="patch_channel"),
    head=dict(type="ReconstructionHead", loss="l2"),
)
