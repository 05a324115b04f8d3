# Labelled ImageNet-1K. Training: random resized crop and flip; test: resize 256, crop 224.
assumed_num_images = 1_281_167  # for plans made where the training images are not
train_dataloader = dict(
    batch_size=128,
    num_workers=10,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="ImageFolder",
        root="data/imagenet/train",
        labelled=True,
        transforms=[
            dict(type="RandomResizedCrop", size=224, scale=(0.08, 1.0), interpolation="bicubic", antialias=True),
            dict(type="RandomHorizontalFlip"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=10,
    persistent_workers=True,
    sampler=dict(type="EpochSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="ImageFolder",
        root="data/imagenet/val",
        labelled=True,
        transforms=[
            dict(type="Resize", size=256, interpolation="bicubic", antialias=True),
            dict(type="CenterCrop", size=224),
        ],
    ),
)
test_dataloader = val_dataloader
