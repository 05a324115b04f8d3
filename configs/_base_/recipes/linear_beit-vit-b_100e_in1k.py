# Mean of the patch tokens of block 8 (the authors in issue 14 of microsoft/SimMIM), without the final norm.
# 1024 images as 8 processes x 128.
_base_ = [
    "../models/classifier_vit-b.py",
    "../datasets/cls_imagenet_224.py",
    "../schedules/cls_probe_adamw_100e.py",
    "../cls_runtime.py",
]
recipe = dict(task="probe")

model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch="base",
        img_size=224,
        patch_size=16,
        rel_pos="shared",
        layer_scale=0.1,
        mask_mode=None,
        out_type="avg",
        out_indices=[7],  # 0-based
        final_norm=False,
        frozen_stages=12,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(init_std=0.01),
)
