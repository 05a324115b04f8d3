# CIM (pixels) with a small ConvNeXt on the built-in pictures, a few minutes on two CPU cores.
_base_ = ["../../configs/cim/resnet-tiny_respix_toy.py", "toy_convnext.py"]

custom_imports = dict(imports=["projects.convnext_encoder"])
model = dict(
    backbone=dict(_delete_=True, type="ConvNeXt", arch=_base_.toy_convnext, img_size=64, mask_mode=None),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
