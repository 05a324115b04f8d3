# COCO, Mask R-CNN 3x, SwinV2-H, window 14; offsets are measured in the windows of pre-training at 192 pixels. Published
# by the authors (Table 12): 54.4 box AP; supervised 50.2.
_base_ = [
    "../../_base_/models/mask-rcnn_swin.py",
    "../../_base_/datasets/coco_lsj.py",
    "../../_base_/schedules/det_adamw_3x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="simmim/downstream/mask-rcnn_swin-tiny_toy.py")

model = dict(
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(type="mmmim.SwinV2", arch="huge", window_size=14, pretrained_window_sizes=(12, 12, 12, 6)),
    neck=dict(in_channels=[352, 704, 1408, 2816]),
)
