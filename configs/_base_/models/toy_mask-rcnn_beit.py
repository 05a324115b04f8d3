# The same with BEiT's ViT; the encoder of toy_upernet_beit.py.
_base_ = ["mask-rcnn_vit.py", "toy_arch.py", "toy_mask-rcnn.py"]
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
    neck=[
        dict(type="mmmim.ViTPyramid", in_channels=128, scales=(2, 1, 0.5, 0.25), norm_cfg={{_base_.norm_cfg}}),
        dict(type="FPN", in_channels=[128] * 4, out_channels=32, num_outs=5),
    ],
    rpn_head=_base_.toy_rpn_head,
    roi_head=_base_.toy_roi_head,
    **_base_.toy_boxes,
)
