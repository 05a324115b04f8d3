# Mask R-CNN on the ViT of all toy configs.
_base_ = ["mask-rcnn_vit.py", "toy_arch.py", "toy_mask-rcnn.py"]
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
