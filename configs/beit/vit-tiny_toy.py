# BEiT with the built-in tokenizer on the built-in pictures, minutes on two CPU cores.
_base_ = [
    "../_base_/models/beit_vit-b.py",
    "../_base_/models/toy_arch.py",
    "../_base_/datasets/toy_64_pretrain.py",
    "../_base_/schedules/conmim_toy.py",
    "../_base_/toy_runtime.py",
]

model = dict(
    # Fixed absolute positions beside the relative ones, which start at zero and learn too slowly for a run of minutes.
    backbone=dict(
        arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8, pos_embed="sincos", drop_path_rate=0.0
    ),
    masker=dict(num_masked=24, min_block=5),  # the recipe's shares, of 64 patches
    target_generator=dict(tokenizer=dict(_delete_=True, type="TinyDVAE")),
)
