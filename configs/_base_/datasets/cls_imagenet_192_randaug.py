# 192 pixels, as SimMIM's ablations fine-tune; test: resize 192 / 224 x 256, rounded down.
_base_ = "cls_imagenet_224.py"

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=192, scale=(0.08, 1.0), interpolation="bicubic", antialias=True),
            dict(type="RandomHorizontalFlip"),
            dict(type="RandAugment", policy="rand-m9-mstd0.5-inc1", img_size=192),
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="Resize", size=219, interpolation="bicubic", antialias=True),
            dict(type="CenterCrop", size=192),
        ]
    )
)
test_dataloader = val_dataloader
