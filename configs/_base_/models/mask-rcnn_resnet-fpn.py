# Mask R-CNN on ResNet-50, with mmdet's default heads: the four stages feed the FPN. Supervised weights are run with the
# first stage frozen and the statistics of pre-training (frozen_stages=1, norm_eval=True); self-supervised ones learn
# everywhere, and their norms see the batches of all processes.
_base_ = "mask-rcnn_vit.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.ResNet",
        depth=50,
        img_size=224,
        norm="syncbn",
        mask_mode=None,
        out_type="featmap",
        out_indices=[0, 1, 2, 3],
        frozen_stages=-1,
        norm_eval=False,
        with_cp=False,  # True recomputes the blocks in the backward pass, for GPUs with less memory
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=dict(_delete_=True, type="FPN", in_channels=[256, 512, 1024, 2048], out_channels=256, num_outs=5),
    roi_head=dict(
        bbox_head=dict(
            _delete_=True,
            type="Shared2FCBBoxHead",
            in_channels=256,
            fc_out_channels=1024,
            roi_feat_size=7,
            num_classes=80,
            reg_class_agnostic=False,
            bbox_coder=dict(type="DeltaXYWHBBoxCoder", target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]),
            loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0),
            loss_bbox=dict(type="L1Loss", loss_weight=1.0),
        ),
    ),
)
