# MAE's recipe: 4096 images (64 x 64 GPUs), lr 1.5e-4 per 256 = 2.4e-3, 40 warm-up epochs.
_base_ = [
    "../models/mae_vit-b.py",
    "../datasets/imagenet_224_pretrain.py",
    "../schedules/adamw_800e.py",
    "../default_runtime.py",
]

train_dataloader = dict(batch_size=64)
auto_scale_lr = dict(recipe_batch_size=4096)
