# Table 15, first column: trained at 160 pixels, tested at 224; 12e-3 at batch 2048 (16 processes x 128). Binary
# cross-entropy on mixed labels; the threshold that makes a label is that of RSB's recipes, the paper names none.
# It leaves next to nothing of label smoothing; model.head.bce_threshold=None keeps soft labels.
_base_ = [
    "../../_base_/models/classifier_ft_resnet50.py",
    "../../_base_/datasets/cls_imagenet_160_rsb.py",
    "../../_base_/schedules/cls_rsb_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="cim/downstream/ft_resnet-tiny_toy.py")

model = dict(
    data_preprocessor=dict(batch_augment=dict(mixup=0.1, erasing=0.0)),
    backbone=dict(img_size=160, drop_path_rate=0.0),
    head=dict(loss="bce", bce_threshold=0.2),
)
