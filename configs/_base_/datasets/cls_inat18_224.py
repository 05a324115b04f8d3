# iNaturalist 2018: 437,513 training and 24,426 validation images of 8,142 species.
_base_ = "cls_imagenet_224_randaug.py"

assumed_num_images = 437_513
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="INaturalist",
        root="data/inaturalist2018",
        ann_file="data/inaturalist2018/train2018.json",
        transforms=[
            dict(type="RandomResizedCrop", size=224, scale=(0.08, 1.0), interpolation="bicubic", antialias=True),
            dict(type="RandomHorizontalFlip"),
            dict(type="RandAugment", policy="rand-m9-mstd0.5-inc1", img_size=224),
        ],
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="INaturalist",
        root="data/inaturalist2018",
        ann_file="data/inaturalist2018/val2018.json",
        transforms=[
            dict(type="Resize", size=256, interpolation="bicubic", antialias=True),
            dict(type="CenterCrop", size=224),
        ],
    )
)
test_dataloader = val_dataloader
