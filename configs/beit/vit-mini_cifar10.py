# BEiT with a small ViT on photographs of 32 pixels: --data DIR, with the tokenizer of tokenizer/dvae-mini_cifar10.py.
_base_ = [
    "../_base_/models/beit_vit-b.py",
    "../_base_/models/mini_arch.py",
    "../_base_/datasets/cifar10_32_token64.py",
    "../_base_/schedules/conmim_mini.py",
    "../_base_/mini_runtime.py",
]

model = dict(
    # Fixed absolute positions beside the relative ones, which start at zero and learn too slowly for so short a run.
    # Next to them patches of 4 pixels must not start as small as init="simmim" makes them: docs/small_data.md.
    backbone=dict(
        arch=dict(_delete_=True, **_base_.mini_arch),
        img_size=32,
        patch_size=4,
        pos_embed="sincos",
        init="timm",
        drop_path_rate=0.0,
    ),
    masker=dict(num_masked=24, min_block=5),  # the recipe's shares, of 64 patches
    target_generator=dict(
        tokenizer=dict(_delete_=True, type="TinyDVAE", checkpoint="work_dirs/tokenizer/dvae-mini_cifar10/epoch_2.pth"),
    ),
)
