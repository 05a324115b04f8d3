# CIM with a small ViT on photographs of 32 pixels.
_base_ = [
    "../models/cim_vit-b.py",
    "../models/mini_arch.py",
    "../datasets/cifar10_32_token64.py",
    "../schedules/conmim_mini.py",
    "../mini_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.mini_arch), img_size=32, patch_size=4),
    generator=dict(
        tokenizer=dict(_delete_=True, type="TinyDVAE", checkpoint="work_dirs/tokenizer/dvae-mini_cifar10/epoch_2.pth"),
        depth=3,
    ),
    masker=dict(num_masked=32),
)
