# Mask R-CNN on the built-in pictures, about a minute on two CPU cores; the encoder of upernet_vit-tiny_toy.py.
_base_ = ["../../ccmim/downstream/mask-rcnn_vit-tiny_toy.py"]
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
