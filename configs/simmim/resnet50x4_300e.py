# Appendix E: a ResNet-50 four times as wide; other settings as Swin-B. The paper leaves norms open, see the README.
_base_ = [
    "../_base_/models/simmim_swin-b.py",
    "../_base_/datasets/imagenet_192_simmim.py",
    "../_base_/schedules/simmim_100e.py",
    "../_base_/default_runtime.py",
]

model = dict(backbone=dict(_delete_=True, type="ResNet", depth=50, width=4, stem="3x3", img_size=192, norm="syncbn"))
train_cfg = dict(max_epochs=300)
