# COCO 2017 instances, resized to a short side of 480..800 and a long one of at most 1333, as ccMIM and Beyond Masking
# write; no crops. The flip, which neither names, is that of all public configs.
_base_ = "./coco.py"
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="RandomChoiceResize", scales=[(side, 1333) for side in range(480, 801, 32)], keep_ratio=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
