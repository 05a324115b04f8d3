# SimMIM with a small ConvNeXt on the built-in pictures, a few minutes on two CPU cores. Masks hide squares of 8 pixels,
# which are finer than its outputs of 32 pixels: the loss counts single pixels.
_base_ = [
    "../../configs/_base_/models/simmim_swin-b.py",
    "../../configs/_base_/datasets/toy_64_pretrain.py",
    "../../configs/_base_/schedules/simmim_toy.py",
    "../../configs/_base_/toy_runtime.py",
    "_base_/toy_convnext.py",
]
custom_imports = dict(imports=["projects.convnext_encoder"])
model = dict(
    backbone=dict(_delete_=True, type="ConvNeXt", arch=_base_.toy_convnext, img_size=64),
    masker=dict(cell_size=8),
)
