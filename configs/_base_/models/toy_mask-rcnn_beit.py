# The same with BEiT's ViT.
_base_ = ["mask-rcnn_vit.py", "toy_beit.py", "toy_mask-rcnn.py"]
model = dict(
    backbone=dict(_delete_=True, **_base_.toy_beit),
    neck=[
        dict(type="mmmim.ViTPyramid", in_channels=128, scales=(2, 1, 0.5, 0.25), norm_cfg={{_base_.norm_cfg}}),
        dict(type="FPN", in_channels=[128] * 4, out_channels=32, num_outs=5),
    ],
    rpn_head=_base_.toy_rpn_head,
    roi_head=_base_.toy_roi_head,
    **_base_.toy_boxes,
)
