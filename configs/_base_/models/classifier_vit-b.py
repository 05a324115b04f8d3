_base_ = ["../imagenet_rgb.py"]

# ViT-B/16 with MAE's global pooling: mean of the patch tokens before the final norm; the norm after it is the head's.
model = dict(
    type="ImageClassifier",
    data_preprocessor=dict(type="ImagePreprocessor", **_base_.imagenet_rgb),
    backbone=dict(
        type="mmmim.ViT",
        arch="base",
        img_size=224,
        patch_size=16,
        out_type="avg",
        final_norm=False,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(type="LinearClsHead", num_classes=1000, in_channels=768),
)
