_base_ = ["../imagenet_rgb.py"]

# BEiT, Bao et al. 2022. DALL-E's tokens of the hidden patches, one of 8 x 8 pixels at half the resolution per patch.
model = dict(
    type="MaskedImageModel",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(
        type="BEiTViT",
        arch="base",
        img_size=224,
        patch_size=16,
        rel_pos="shared",
        pos_embed="none",
        layer_scale=0.1,
        drop_path_rate=0.1,
        init="simmim",
    ),
    masker=dict(type="BlockMasker", num_masked=75, min_block=16),
    neck=dict(type="LinearDecoder", init="beit"),
    target_generator=dict(type="TokenTarget", tokenizer=dict(type="DALLETokenizer")),
    head=dict(type="CrossEntropyHead"),
)
