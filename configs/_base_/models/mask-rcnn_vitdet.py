# Mask R-CNN of ViTDet (Li et al. 2022): the last map alone becomes a pyramid, by SimpleFPN; windows of 14 x 14 tokens,
# of which the outer ones hold what is left of 64 x 64 where ViTDet pads; decomposed relative positions, new here; layer
# norm over the channels everywhere.
_base_ = "mask-rcnn_windowed-vit.py"
layer_norm_2d = dict(type="mmmim.LN2d", eps=1e-6)
model = dict(
    backbone=dict(window_size=14, out_indices=[11], rel_pos="decomposed"),
    neck=dict(_delete_=True, type="mmmim.SimpleFPN", in_channels=768, out_channels=256, norm_cfg=layer_norm_2d),
    roi_head=dict(
        bbox_head=dict(norm_cfg=dict(_delete_=True, **layer_norm_2d)),
        mask_head=dict(norm_cfg=dict(_delete_=True, **layer_norm_2d)),
    ),
)
