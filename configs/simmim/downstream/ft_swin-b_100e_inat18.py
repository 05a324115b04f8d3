# iNaturalist 2018: 1.6e-2 at batch 2048, otherwise as on ImageNet (appendix). The paper names no image size;
# 192 is that of the ablations.
_base_ = [
    "../../_base_/models/classifier_ft_swin-b.py",
    "../../_base_/datasets/cls_inat18_192.py",
    "../../_base_/schedules/cls_simmim_100e.py",
    "../../_base_/cls_runtime.py",
]

model = dict(
    data_preprocessor=dict(batch_augment=dict(num_classes=8142)),
    backbone=dict(img_size=192, window_size=6),
    head=dict(num_classes=8142),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
