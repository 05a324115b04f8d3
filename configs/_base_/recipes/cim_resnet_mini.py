# CIM with a small ResNet on photographs of 32 pixels, enlarged to 64: its stride is 32.
_base_ = [
    "../models/cim_resnet50.py",
    "../models/mini_resnet.py",
    "../datasets/cifar10_64_pretrain.py",
    "../schedules/conmim_mini.py",
    "../mini_runtime.py",
]

model = dict(
    backbone=dict(depth=dict(_delete_=True, **_base_.mini_resnet), img_size=64),
    generator=dict(
        tokenizer=dict(_delete_=True, type="TinyDVAE", checkpoint="work_dirs/tokenizer/dvae-mini_cifar10/epoch_2.pth"),
        patch_size=8,
        depth=3,
        embed_dims=128,
        num_heads=4,
    ),
    masker=dict(num_masked=32),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
