# CIM with a small ViT on the built-in pictures, a few minutes on two CPU cores.
_base_ = [
    "../models/cim_vit-b.py",
    "../models/toy_arch.py",
    "../datasets/toy_64_pretrain.py",
    "../schedules/conmim_toy.py",
    "../toy_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8),
    generator=dict(tokenizer=dict(_delete_=True, type="TinyDVAE")),
    masker=dict(num_masked=32),
)
# Half of the toy pictures: a step runs four networks.
train_dataloader = dict(dataset=dict(num_images=2048))
