# The recipe as the paper prints it: cosine, 20 epochs of warm-up, lr 8e-4 at 2048 images, no clipping. Start and end of
# the lr are not stated; they are those of the 100-epoch recipe.
_base_ = [
    "../_base_/models/simmim_vit-b.py",
    "../_base_/datasets/imagenet_224_simmim.py",
    "../_base_/schedules/simmim_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="simmim/vit-tiny_toy.py")

# cls_token is exempt from weight decay, mask_token is not (official code)
optim_wrapper = dict(
    optimizer=dict(lr=2e-4),  # per 512 images
    clip_grad=None,
    paramwise_cfg=dict(custom_keys=dict(mask_token=dict(decay_mult=1.0))),
)
param_scheduler = dict(
    _delete_=True,
    type="WarmupCosineLR",
    warmup=20,
    warmup_lr=1e-6,
    min_lr=1e-5,
    begin=0,
    convert_to_iter_based=True,
)
