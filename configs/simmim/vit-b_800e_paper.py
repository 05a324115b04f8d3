# The recipe as the paper prints it: cosine, 20 epochs of warm-up, lr 8e-4 at 2048 images, no clipping. Start and end of
# the lr are not stated; they are those of the 100-epoch recipe.
_base_ = ["vit-b_800e.py"]

optim_wrapper = dict(optimizer=dict(lr=2e-4), clip_grad=None)  # lr per 512 images
param_scheduler = dict(
    _delete_=True,
    type="WarmupCosineLR",
    warmup=20,
    warmup_lr=1e-6,
    min_lr=1e-5,
    begin=0,
    end=800,
    convert_to_iter_based=True,
)
