# Table 15, second column: 224 pixels, every image three times, no label smoothing.
_base_ = [
    "../../_base_/models/classifier_ft_resnet50.py",
    "../../_base_/datasets/cls_imagenet_224_rsb_repeated.py",
    "../../_base_/schedules/cls_rsb_300e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="cim/downstream/ft_resnet-tiny_toy.py")

model = dict(
    data_preprocessor=dict(batch_augment=dict(mixup=0.1, erasing=0.0)),
    backbone=dict(drop_path_rate=0.0),
    head=dict(loss="bce", bce_threshold=0.2, label_smoothing=0.0),
)
