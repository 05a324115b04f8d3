# Mask R-CNN on ResNet-50, with mmdet's default heads: the four stages feed the FPN. Supervised weights are run with the
# first stage frozen and the statistics of pre-training (frozen_stages=1, norm_eval=True); self-supervised ones learn
# everywhere, and their norms see the batches of all processes.
_base_ = "mask-rcnn_swin.py"
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
    neck=dict(in_channels=[256, 512, 1024, 2048]),
)
