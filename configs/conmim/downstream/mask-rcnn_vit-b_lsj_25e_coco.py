# COCO, Mask R-CNN, 25 epochs of large-scale jitter, batches of 64, from a checkpoint that was fine-tuned on ImageNet-1K
# before. Published by the authors (Table 3): 48.7 box AP, 43.6 mask AP. "Abs. + Rel." positions (Table 13): the
# absolute ones, which pre-training does not have, start from zero.
_base_ = [
    "../../_base_/models/mask-rcnn_windowed-vit.py",
    "../../_base_/datasets/coco_lsj.py",
    "../../_base_/schedules/det_adamw_25e.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="conmim/downstream/mask-rcnn_vit-tiny_lsj_toy.py")

model = dict(backbone=dict(pos_embed="zeros"))
custom_hooks = [
    dict(
        type="mmmim.PretrainedReportHook",
        stage="ft",
        stage_fix="run configs/conmim/downstream/ft_vit-b_100e_in1k.py first, or give --cfg-options "
        "custom_hooks.0.stage=None to start from pre-training as it is",
    )
]
