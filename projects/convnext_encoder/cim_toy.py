# CIM (pixels) with a small ConvNeXt on the built-in pictures, a few minutes on two CPU cores.
_base_ = ["../../configs/_base_/recipes/cim_resnet_toy.py", "_base_/toy_convnext.py"]

custom_imports = dict(imports=["projects.convnext_encoder"])
model = dict(
    **_base_.respix,
    backbone=dict(_delete_=True, type="ConvNeXt", arch=_base_.toy_convnext, img_size=64, mask_mode=None),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
