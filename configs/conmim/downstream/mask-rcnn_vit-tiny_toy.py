# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores, with the encoder of Table 13 made small: the
# last block of each of four groups attends to all 12x12 tokens, the others inside windows of 5x5, of which the outer
# ones hold what is left; no class token; tables resized bicubically; the toy's absolute positions.
_base_ = [
    "../../_base_/models/toy_mask-rcnn_beit.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]

model = dict(
    backbone=dict(
        window_size=5,
        global_blocks=[1, 2, 4, 5],
        out_indices=[1, 2, 4, 5],
        rel_pos_resize="bicubic",
        pos_embed="sincos",
    ),
)
