# Mask R-CNN of ViTDet (Li et al. 2022) at 1024 pixels: the last map alone becomes a pyramid, by SimpleFPN; the last
# block of each quarter attends to all 64 x 64 tokens, the others stay inside windows of 14 x 14 tokens, of which the
# outer ones hold what is left where ViTDet pads; decomposed relative positions, new here; layer norm over the channels
# everywhere.
_base_ = "mask-rcnn_vit.py"
layer_norm_2d = dict(type="mmmim.LN2d", eps=1e-6)
model = dict(
    # training and test images are filled up with the mean colour
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch="base",
        img_size=1024,
        patch_size=16,
        rel_pos="decomposed",
        rel_pos_resize="bicubic",
        mask_mode=None,
        out_type="featmap",
        out_indices=[11],
        window_size=14,
        global_blocks=[2, 5, 8, 11],  # 0-based
        final_norm=False,
        drop_path_rate=0.1,
        with_cp=False,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=dict(_delete_=True, type="mmmim.SimpleFPN", in_channels=768, out_channels=256, norm_cfg=layer_norm_2d),
    rpn_head=dict(num_convs=2),
    roi_head=dict(
        bbox_head=dict(
            norm_cfg=dict(_delete_=True, **layer_norm_2d),
            reg_decoded_bbox=False,
            loss_bbox=dict(_delete_=True, type="L1Loss", loss_weight=1.0),
        ),
        mask_head=dict(norm_cfg=layer_norm_2d),
    ),
)
