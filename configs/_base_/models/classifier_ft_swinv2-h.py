_base_ = ["classifier_ft_swin-b.py"]

# SwinV2-H: offsets are measured in the windows of pre-training at 192 pixels. Drop path 0.1, as in the ablations.
model = dict(
    backbone=dict(
        type="mmmim.SwinV2",
        arch="huge",
        window_size=14,
        pretrained_window_sizes=(12, 12, 12, 6),
        with_cp=True,
    ),
    head=dict(in_channels=2816),
)
