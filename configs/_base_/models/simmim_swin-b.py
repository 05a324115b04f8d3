_base_ = ["../imagenet_rgb.py"]

# SimMIM, Xie et al. 2022: mask tokens in hidden cells of 32 pixels, one linear layer predicts them, l1 on raw pixels.
model = dict(
    type="MaskedImageModel",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(type="Swin", arch="base", img_size=192, window_size=6),
    masker=dict(type="RandomMasker", mask_ratio=0.6, cell_size=32, rounding="hidden"),
    neck=dict(type="LinearDecoder"),
    target_generator=dict(type="PixelTarget", norm_pix="none"),
    head=dict(type="ReconstructionHead", loss="l1"),
)
