# COCO, Mask R-CNN 1x. Published by the authors (ccMIM, Table 2), box / mask AP: 49.1 / 43.1 after 300 epochs of
# pre-training, 50.3 / 44.5 after 800. lr 3e-4 for 32 images, layer decay 0.75, drop path 0.2 and the short side of
# 480..800 pixels are the paper's. What it leaves open (weight decay, warm-up, heads, fp16) follows CAE, whose numbers
# it compares with.
_base_ = [
    "../../_base_/models/mask-rcnn_vit.py",
    "../../_base_/datasets/coco_multi_scale.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="ccmim/downstream/mask-rcnn_vit-tiny_toy.py")
