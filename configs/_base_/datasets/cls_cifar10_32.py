# Labelled CIFAR-10 as files, shifted by up to 4 pixels and flipped.
assumed_num_images = 20_000  # for plans made where the training images are not
train_dataloader = dict(
    batch_size=128,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="ImageFolder",
        root="data/cifar10/train",
        labelled=True,
        transforms=[
            dict(type="Resize", size=32, interpolation="bicubic"),
            dict(type="RandomCrop", size=32, padding=4, padding_mode="reflect"),
            dict(type="RandomHorizontalFlip"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=1,
    sampler=dict(type="EpochSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="ImageFolder",
        root="data/cifar10/val",
        labelled=True,
        transforms=[dict(type="Resize", size=32, interpolation="bicubic"), dict(type="CenterCrop", size=32)],
    ),
)
test_dataloader = val_dataloader
