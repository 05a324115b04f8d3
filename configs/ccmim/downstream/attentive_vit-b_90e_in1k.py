# Attentive probe: one learned query attends to the patch tokens of the frozen encoder. Not in the ccMIM paper: the
# recipe of CAE's scripts, SGD without weight decay, 0.4 at batch 8192 (32 processes x 256), 90 epochs, 10 of warm-up.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224.py",
    "../../_base_/schedules/cls_lars_90e.py",
    "../../_base_/default_runtime.py",
]
recipe = dict(task="probe", toy="ccmim/downstream/attentive_vit-tiny_toy.py")

model = dict(
    backbone=dict(out_type="raw", final_norm=True, frozen_stages=12),
    neck=dict(type="AttentivePooling"),
    head=dict(norm="bn", init_std=0.01),
)
train_dataloader = dict(batch_size=256)
optim_wrapper = dict(optimizer=dict(_delete_=True, type="SGD", lr=0.0125, momentum=0.9, weight_decay=0.0))
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=8192)
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
