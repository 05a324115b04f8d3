# RandAugment as in cls_imagenet_224_randaug.py; test crop ratio 0.95 (CIM, Tables 14 and 15): resize 224 / 0.95 = 235.
_base_ = "cls_imagenet_224.py"

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=224, scale=(0.08, 1.0), interpolation="bicubic", antialias=True),
            dict(type="RandomHorizontalFlip"),
            dict(type="RandAugment", policy="rand-m9-mstd0.5-inc1"),
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="Resize", size=235, interpolation="bicubic", antialias=True),
            dict(type="CenterCrop", size=224),
        ]
    )
)
test_dataloader = val_dataloader
