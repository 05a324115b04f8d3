# The released recipe of the public checkpoint. The paper's own differs: vit-b_paper_800e.py.
_base_ = [
    "../_base_/models/simmim_vit-b.py",
    "../_base_/datasets/imagenet_224_simmim.py",
    "../_base_/schedules/simmim_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="simmim/vit-tiny_toy.py")

# cls_token is exempt from weight decay, mask_token is not (official code)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(mask_token=dict(decay_mult=1.0))))
