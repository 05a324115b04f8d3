# ConMIM with a small ViT on photographs of 32 pixels: --data DIR.
_base_ = [
    "../_base_/models/conmim_vit-b.py",
    "../_base_/models/mini_arch.py",
    "../_base_/datasets/cifar10_32_pretrain.py",
    "../_base_/schedules/conmim_mini.py",
    "../_base_/momentum_runtime.py",
]

model = dict(
    # Learned absolute positions beside the relative ones, which start at zero. With fixed ones a hidden patch finds its
    # key by its place alone, and there is nothing to learn: docs/small_data.md.
    backbone=dict(
        arch=dict(_delete_=True, **_base_.mini_arch), img_size=32, patch_size=4, pos_embed="learned", init="timm"
    ),
    masker=dict(cell_size=8),
    neck=dict(hidden=512),
    # A run of 1,560 steps: at the paper's 0.996 the slow encoder would follow too late.
    target_generator=dict(dims=64, start=0.99),
)
default_hooks = dict(checkpoint=dict(interval=5))
