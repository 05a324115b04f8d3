# ResNets as CIM fine-tunes them for 100 epochs (Table 15): trained at 160 pixels, tested at 224; RandAugment 6 / 0.5.
_base_ = "cls_imagenet_224_randaug_crop95.py"

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=160, scale=(0.08, 1.0), interpolation="bicubic", antialias=True),
            dict(type="RandomHorizontalFlip"),
            dict(type="RandAugment", policy="rand-m6-mstd0.5-inc1", img_size=160),
        ]
    )
)
