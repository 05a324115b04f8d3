# ResNets as CIM fine-tunes them for 300 and 600 epochs (Table 15): RandAugment 7 / 0.5, every image three times.
_base_ = "cls_imagenet_224_randaug_crop95.py"

train_dataloader = dict(
    sampler=dict(_delete_=True, type="RepeatedAugSampler", num_repeats=3),
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=224, scale=(0.08, 1.0), interpolation="bicubic", antialias=True),
            dict(type="RandomHorizontalFlip"),
            dict(type="RandAugment", policy="rand-m7-mstd0.5-inc1", img_size=224),
        ]
    ),
)
