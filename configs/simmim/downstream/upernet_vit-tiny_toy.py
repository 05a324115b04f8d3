# UperNet on the built-in pictures, about a minute on two CPU cores: every block starts from a copy of the shared table
# of relative positions, resized from 64 to 96 pixels.
_base_ = ["../../ccmim/downstream/upernet_vit-tiny_toy.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch=_base_.toy_arch,
        img_size=96,
        patch_size=8,
        rel_pos="block",
        mask_mode=None,
        out_type="featmap",
        out_indices=[1, 3, 4, 5],
        final_norm=False,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=20),
    dict(type="PolyLR", power=1.0, eta_min=0.0, by_epoch=False, begin=20, end=200),
]
train_cfg = dict(max_iters=200, val_interval=200)
default_hooks = dict(checkpoint=dict(interval=200))
