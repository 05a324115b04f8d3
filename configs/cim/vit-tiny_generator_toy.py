# The generator of the small CIM alone, on the built-in pictures, a minute on two CPU cores: its checkpoint is for runs
# with generator.frozen.
_base_ = [
    "../_base_/imagenet_rgb.py",
    "../_base_/datasets/toy_64_pretrain.py",
    "../_base_/schedules/cim_toy.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="MaskedImageModel",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(
        type="BEiTViT",
        arch=dict(embed_dims=128, depth=4, num_heads=4),
        img_size=64,
        patch_size=8,
        rel_pos="none",
        pos_embed="learned",
        layer_scale=None,
        qkv_bias="qkv",
    ),
    masker=dict(type="RandomMasker", num_masked=32),
    neck=dict(type="LinearDecoder", init="beit"),
    target_generator=dict(type="TokenTarget", tokenizer=dict(type="TinyDVAE")),
    head=dict(type="CrossEntropyHead"),
)
train_dataloader = dict(dataset=dict(num_images=2048))
