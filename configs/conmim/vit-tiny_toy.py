# ConMIM with a small ViT on the built-in pictures, minutes on two CPU cores.
_base_ = [
    "../_base_/models/conmim_vit-b.py",
    "../_base_/models/toy_arch.py",
    "../_base_/datasets/toy_64_pretrain.py",
    "../_base_/schedules/conmim_toy.py",
    "../_base_/momentum_runtime.py",
]
recipe = dict(scale="toy")

model = dict(
    # Fixed absolute positions beside the relative ones: with tables that start at zero alone, hidden tokens cannot tell
    # where they are, and a run of minutes stays at chance. Losses are not comparable with those of the recipes.
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8, pos_embed="sincos"),
    masker=dict(cell_size=16),
    neck=dict(hidden=512),
    # A run of 192 steps: at the paper's 0.996 the slow encoder would end with 68 % of its random start.
    target_generator=dict(dims=64, start=0.96),
)
# Half of the toy pictures: a step encodes all patches twice.
train_dataloader = dict(dataset=dict(num_images=2048))
