# Fine-tuning on the built-in pictures, about half a minute on two CPU cores: a table of relative positions per block,
# copied from the shared one, and a new norm after the mean of the patch tokens.
_base_ = ["../../ccmim/downstream/ft_vit-tiny_toy.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch=_base_.toy_arch,
        img_size=64,
        patch_size=8,
        rel_pos="block",
        mask_mode=None,
        out_type="avg",
        final_norm=False,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=8e-3), paramwise_cfg=dict(layer_decay_rate=0.9))
