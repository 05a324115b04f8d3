_base_ = ["../imagenet_rgb.py", "cim_objectives.py"]

# CIM for CNNs: the small BEiT is 384 wide and shares nothing. A linear layer predicts all pixels, or 2 x 2 tokens, of
# each of the 7 x 7 cells.
model = dict(
    type="CIM",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(type="ResNet", depth=50, img_size=224, mask_mode=None),
    generator=dict(
        type="TokenGenerator",
        tokenizer=dict(type="DALLETokenizer", decode_dtype="bfloat16"),
        depth=4,
        embed_dims=384,
        num_heads=6,
        share_layers=0,
        sample_mode="softmax",
    ),
    masker=dict(type="RandomMasker", num_masked=100),
    neck=dict(type="LinearDecoder", init="beit"),
)
