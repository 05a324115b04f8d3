# CIM with a small ResNet on the built-in pictures, a few minutes on two CPU cores.
_base_ = [
    "../models/cim_resnet50.py",
    "../models/toy_resnet.py",
    "../datasets/toy_64_pretrain.py",
    "../schedules/conmim_toy.py",
    "../toy_runtime.py",
]

model = dict(
    backbone=dict(depth=dict(_delete_=True, **_base_.toy_resnet), img_size=64),
    generator=dict(tokenizer=dict(_delete_=True, type="TinyDVAE"), patch_size=8, depth=4, embed_dims=128, num_heads=4),
    masker=dict(num_masked=32),
)
# For 256 images, as in the other toys; at a quarter of it a run of minutes leaves the ResNet where it began.
optim_wrapper = dict(optimizer=dict(lr=1.6e-2))
