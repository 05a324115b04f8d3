# Oxford Flowers-102: training and validation images together (2,040) to train on, 6,149 to test.
_base_ = "cls_imagenet_224_randaug.py"

assumed_num_images = 2040
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="Flowers102",
        root="data/flowers102",
        split="train",
        transforms=[
            dict(type="RandomResizedCrop", size=224, scale=(0.08, 1.0), interpolation="bicubic", antialias=True),
            dict(type="RandomHorizontalFlip"),
            dict(type="RandAugment", policy="rand-m9-mstd0.5-inc1"),
        ],
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="Flowers102",
        root="data/flowers102",
        split="test",
        transforms=[
            dict(type="Resize", size=256, interpolation="bicubic", antialias=True),
            dict(type="CenterCrop", size=224),
        ],
    )
)
test_dataloader = val_dataloader
