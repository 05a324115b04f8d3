# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores: the recipe of mask-rcnn_vit-b_1x_coco.py with
# everything small.
_base_ = [
    "../../_base_/models/mask-rcnn_vit.py",
    "../../_base_/models/toy_arch.py",
    "../../_base_/models/toy_mask-rcnn.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]
model = dict(
    backbone=dict(
        arch=dict(_delete_=True, **_base_.toy_arch),
        img_size=64,
        patch_size=8,
        out_indices=[1, 3, 4, 5],
        drop_path_rate=0.0,
    ),
    neck=[
        dict(type="mmmim.ViTPyramid", in_channels=128, scales=(2, 1, 0.5, 0.25), norm_cfg={{_base_.norm_cfg}}),
        dict(type="FPN", in_channels=[128] * 4, out_channels=32, num_outs=5),
    ],
    rpn_head=_base_.toy_rpn_head,
    roi_head=_base_.toy_roi_head,
    **_base_.toy_boxes,
)
