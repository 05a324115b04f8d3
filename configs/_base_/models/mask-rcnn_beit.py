# Mask R-CNN on BEiT's ViT-B/16. The tables of relative positions are resized to the grid of each batch.
_base_ = "mask-rcnn_vit.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch="base",
        img_size=224,
        patch_size=16,
        rel_pos="block",
        mask_mode=None,
        out_type="featmap",
        out_indices=[3, 5, 7, 11],  # 0-based
        final_norm=False,
        drop_path_rate=0.2,
        with_cp=True,  # at 1333 x 800 the biases of all pairs of tokens take 0.8 GB a block
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
)
