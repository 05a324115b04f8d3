# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores: ViTDet's pyramid and windows, everything
# small.
_base_ = [
    "../../_base_/models/mask-rcnn_vitdet.py",
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
        window_size=5,
        global_blocks=[1, 2, 4, 5],
        out_indices=[5],
        pos_embed="learned",
        layer_scale=None,
        qkv_bias="qkv",
        drop_path_rate=0.0,
    ),
    neck=dict(in_channels=128, out_channels=32, scales=(2, 1, 0.5, 0.25)),
    rpn_head=_base_.toy_rpn_head,
    roi_head=_base_.toy_roi_head,
    **_base_.toy_boxes,
)
