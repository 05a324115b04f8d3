# The paper's headline recipe: 1024 images (32 x 32 GPUs), lr 1.5e-4 per 256 = 6e-4.
_base_ = [
    "../_base_/models/ccmim_vit-b.py",
    "../_base_/datasets/imagenet_224_pretrain.py",
    "../_base_/schedules/adamw_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="ccmim/vit-tiny_toy.py")

train_dataloader = dict(batch_size=32)
