# COCO, Mask R-CNN 3x, Swin-L, window 14. Published by the authors (Table 12): 53.8 box AP; supervised 50.9.
_base_ = "./mask-rcnn_swin-b_lsj-3x_coco.py"
model = dict(backbone=dict(arch="large", window_size=14), neck=dict(in_channels=[192, 384, 768, 1536]))
