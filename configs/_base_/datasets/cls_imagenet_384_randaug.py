# 384 pixels after a run at 224; the test crop is the whole short side.
_base_ = "cls_imagenet_224.py"

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=384, scale=(0.08, 1.0), interpolation="bicubic", antialias=True),
            dict(type="RandomHorizontalFlip"),
            dict(type="RandAugment", policy="rand-m9-mstd0.5-inc1", img_size=384),
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="Resize", size=384, interpolation="bicubic", antialias=True),
            dict(type="CenterCrop", size=384),
        ]
    )
)
test_dataloader = val_dataloader
