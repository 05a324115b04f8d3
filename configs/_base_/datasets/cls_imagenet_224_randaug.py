# The same with RandAugment, as MAE and BEiT fine-tune; mixup, cutmix and erasing act on the batch, on the device.
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
