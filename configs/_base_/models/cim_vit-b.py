_base_ = ["../imagenet_rgb.py", "cim_objectives.py"]

# CIM, Fang et al. 2023: a small BEiT beside a plain ViT, which owns the patch embedding and two blocks that both use.
model = dict(
    type="CIM",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(
        type="BEiTViT",
        arch="base",
        img_size=224,
        patch_size=16,
        rel_pos="none",
        pos_embed="learned",
        layer_scale=None,
        qkv_bias="qkv",
        mask_mode=None,
    ),
    generator=dict(
        type="TokenGenerator",
        tokenizer=dict(type="DALLETokenizer", decode_dtype="bfloat16"),
        depth=4,
        share_layers=2,
        sample_mode="softmax",
    ),
    masker=dict(type="RandomMasker", num_masked=100),
    neck=dict(type="LinearDecoder", init="beit"),
)
