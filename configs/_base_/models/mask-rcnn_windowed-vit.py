# Mask R-CNN of "Benchmarking Detection Transfer Learning with Vision Transformers" (Li et al. 2021), as MIMDet builds
# it: 1024 pixels; the last block of each quarter attends to all 64 x 64 tokens and feeds the pyramid, the others stay
# inside windows of 16 x 16; no class token. Group norm in the pyramid, SyncBN in FPN and heads.
_base_ = "mask-rcnn_vit.py"
model = dict(
    # training and test images are filled up with the mean colour
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch="base",
        img_size=1024,
        patch_size=16,
        rel_pos="block",
        rel_pos_resize="bicubic",
        mask_mode=None,
        out_type="featmap",
        out_indices=[2, 5, 8, 11],
        window_size=16,
        global_blocks=[2, 5, 8, 11],  # 0-based
        final_norm=False,
        drop_path_rate=0.1,
        with_cp=False,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=[
        dict(type="mmmim.ViTPyramid", in_channels=768, norm_cfg=dict(type="GN", num_groups=32)),
        dict(type="FPN", in_channels=[768] * 4, out_channels=256, num_outs=5, norm_cfg={{_base_.norm_cfg}}),
    ],
    rpn_head=dict(num_convs=2),
    roi_head=dict(
        bbox_head=dict(
            reg_decoded_bbox=False,
            loss_bbox=dict(_delete_=True, type="L1Loss", loss_weight=1.0),
        ),
        mask_head=dict(norm_cfg={{_base_.norm_cfg}}),
    ),
)
