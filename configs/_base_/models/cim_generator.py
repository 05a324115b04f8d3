# The generator of CIM trained alone, which is a BEiT of four blocks.
_base_ = ["../imagenet_rgb.py"]

model = dict(
    type="MaskedImageModel",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(
        type="BEiTViT",
        arch=dict(embed_dims=768, depth=4, num_heads=12),
        img_size=224,
        patch_size=16,
        rel_pos="none",
        pos_embed="learned",
        layer_scale=None,
        qkv_bias="qkv",
    ),
    masker=dict(type="RandomMasker", num_masked=100),
    neck=dict(type="LinearDecoder", init="beit"),
    target_generator=dict(type="TokenTarget", tokenizer=dict(type="DALLETokenizer")),
    head=dict(type="CrossEntropyHead"),
)
