# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores: the recipe of mask-rcnn_vit-b_lsj_25e_coco.py
# with everything small; 16 x 16 tokens of a jittered crop of 128 pixels, in windows of 4 x 4.
_base_ = [
    "../../_base_/models/mask-rcnn_windowed-vit.py",
    "../../_base_/models/toy_arch.py",
    "../../_base_/models/toy_mask-rcnn.py",
    "../../_base_/datasets/toy_coco_lsj.py",
    "../../_base_/schedules/det_toy.py",
]
model = dict(
    data_preprocessor=dict(pad_size_divisor=128),
    backbone=dict(
        arch=dict(_delete_=True, **_base_.toy_arch),
        img_size=128,
        patch_size=8,
        window_size=4,
        global_blocks=[1, 2, 4, 5],
        out_indices=[1, 2, 4, 5],
        pos_embed="sincos",
        drop_path_rate=0.0,
    ),
    neck=[
        dict(
            type="mmmim.ViTPyramid",
            in_channels=128,
            scales=(2, 1, 0.5, 0.25),
            norm_cfg=dict(type="GN", num_groups=32),
        ),
        dict(type="FPN", in_channels=[128] * 4, out_channels=32, num_outs=5, norm_cfg={{_base_.norm_cfg}}),
    ],
    rpn_head=_base_.toy_rpn_head,
    roi_head=_base_.toy_roi_head,
    **_base_.toy_boxes,
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
