# SimMIM with a small ConvNeXt on the built-in pictures, a few minutes on two CPU cores. Masks hide squares of 8 pixels,
# which are finer than its outputs of 32 pixels: the loss counts single pixels.
_base_ = ["../../configs/simmim/swin-tiny_toy.py", "toy_convnext.py"]

custom_imports = dict(imports=["projects.convnext_encoder"])
model = dict(backbone=dict(_delete_=True, type="ConvNeXt", arch=_base_.toy_convnext, img_size=64))
