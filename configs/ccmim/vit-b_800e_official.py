# As the authors' released code runs: batch 4096 (32 x 32 GPUs x 4), fp32, eight decoder layers, summed attention
# probabilities as score, visible-masked pairs only. Which settings made the published numbers is not known.
_base_ = ["vit-b_800e.py"]

model = dict(
    masker=dict(preset="official"),
    neck=dict(depth=8),
    contrast=dict(negatives="vm", scale="2tau"),
    contrast_weight=0.1,
)
optim_wrapper = dict(dtype="float32", accumulative_counts=4)
auto_scale_lr = dict(recipe_batch_size=4096)
