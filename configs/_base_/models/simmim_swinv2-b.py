_base_ = ["simmim_swin-b.py"]

# SimMIM as the Swin repository runs it with SwinV2: window 12, targets normalised by windows of 47 pixels.
model = dict(
    backbone=dict(type="SwinV2", arch="base", window_size=12, drop_path_rate=0.1),
    target_generator=dict(norm_pix="window", window=47),
)
