_base_ = ["../imagenet_rgb.py"]

# ConMIM, Yi et al. 2023: BEiT's ViT with cells of 32 pixels hidden finds the features that a slow copy of it sees in
# the whole image under other colours. Runs need MomentumUpdateHook, see ../momentum_runtime.py.
model = dict(
    type="ConMIM",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(
        type="BEiTViT",
        arch="base",
        img_size=224,
        patch_size=16,
        rel_pos="shared",
        pos_embed="none",
        layer_scale=0.1,
        drop_path_rate=0.0,
        init="simmim",
    ),
    masker=dict(type="RandomMasker", mask_ratio=0.75, cell_size=32, rounding="hidden"),
    query_view=None,
    key_view=dict(type="PhotometricView"),
    neck=dict(type="PatchProjector", hidden=4096, depth=3, norm="bn", rows="all"),
    target_generator=dict(type="MomentumEncoder", dims=256, start=0.996, end=1.0, schedule="cosine", source="momentum"),
    head=dict(type="PatchContrastHead", temperature=0.1, dictionary="image", reduction="image"),
    export_weights="momentum",
)
