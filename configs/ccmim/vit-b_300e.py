_base_ = [
    "../_base_/models/ccmim_vit-b.py",
    "../_base_/datasets/imagenet_224_pretrain.py",
    "../_base_/schedules/adamw_300e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="ccmim/vit-tiny_toy.py")

train_dataloader = dict(batch_size=32)
