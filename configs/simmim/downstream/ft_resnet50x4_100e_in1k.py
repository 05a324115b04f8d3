# Appendix E: "the overall training setup remains the same as that of Swin-Base". Layers of the decay are bottlenecks.
_base_ = [
    "../../_base_/models/classifier_ft_resnet50.py",
    "../../_base_/datasets/cls_imagenet_192_randaug.py",
    "../../_base_/schedules/cls_simmim_100e.py",
    "../../_base_/cls_runtime.py",
]

model = dict(
    backbone=dict(width=4, stem="3x3", img_size=192, norm="syncbn", drop_path_rate=0.1), head=dict(in_channels=8192)
)
