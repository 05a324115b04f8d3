# As the authors' released code runs: batch 4096 (32 x 32 GPUs x 4), fp32, eight decoder layers, summed attention
# probabilities as score, visible-masked pairs only. Which settings made the published numbers is not known.
_base_ = [
    "../_base_/models/ccmim_vit-b.py",
    "../_base_/datasets/imagenet_224_pretrain.py",
    "../_base_/schedules/adamw_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="ccmim/vit-tiny_toy.py")

model = dict(
    masker=dict(preset="official"),
    neck=dict(depth=8),
    contrast=dict(negatives="vm", scale="2tau"),
    contrast_weight=0.1,
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(dtype="float32", accumulative_counts=4)
auto_scale_lr = dict(recipe_batch_size=4096)
