# ImageNet linear probe "as MAE" on the mean of the patch tokens: 6.4 at batch 16384 (32 processes x 512).
# MAE's own protocol reads the class token: backbone.out_type="cls", backbone.final_norm=True, head.norm="bn".
# The mean after the pre-trained final norm: backbone.final_norm=True, head.norm="bn".
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224.py",
    "../../_base_/schedules/cls_lars_90e.py",
    "../../_base_/default_runtime.py",
]

model = dict(
    backbone=dict(frozen_stages=12),
    head=dict(norm=["ln_fixed", "bn"], init_std=0.01),
)
train_dataloader = dict(batch_size=512)
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
