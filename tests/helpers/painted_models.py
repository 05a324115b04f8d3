from __future__ import annotations

import numpy as np

from mmmim.visualization.grid import Column

CONFIG = """
default_scope = "mmmim"
model = dict(
    type="CIM",
    data_preprocessor=dict(type="ImagePreprocessor"),
    backbone=BACKBONE,
    generator=dict(
        type="TokenGenerator",
        tokenizer=dict(type="TinyDVAE", num_codes=16, allow_random=True, checkpoint=None),
        embed_dims=32,
        num_heads=2,
        depth=1,
        patch_size=8,
    ),
    masker=dict(type="RandomMasker", num_masked=9),
    neck=dict(type="LinearDecoder"),
    TARGET
)
train_dataloader = dict(dataset=dict(transforms=[dict(type="RandomResizedCrop", size=(32, 64))]))
"""
VIT = (
    'dict(type="BEiTViT", arch=dict(embed_dims=32, depth=1, num_heads=2), img_size=(32, 64), patch_size=8, '
    "mask_mode=None)"
)
PIXELS = 'target_generator=dict(type="PixelTarget", norm_pix="{}"), head=dict(type="ReconstructionHead", scope="all")'
TARGETS = {
    "none": PIXELS.format("none"),
    "window_joint": PIXELS.format("window_joint").replace("norm_pix", "window=8, norm_pix"),
    "replaced": 'target_generator=dict(type="ReplacedTokenTarget", token_size=8), '
    'head=dict(type="BinaryCrossEntropyHead")',
}


def stacked(column: Column) -> np.ndarray:
    return np.stack(column.images)
