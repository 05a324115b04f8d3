# SimMIM with a small ViT on photographs of 32 pixels: --data DIR.
_base_ = [
    "../_base_/models/simmim_vit-b.py",
    "../_base_/models/mini_arch.py",
    "../_base_/datasets/cifar10_32_pretrain.py",
    "../_base_/schedules/simmim_mini.py",
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
    masker=dict(cell_size=8),
)
