# Built-in pictures; the label is the object's material, one of eight. Resize and CenterCrop serve the images of --data.
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="ToyImages",
        num_images=1024,
        img_size=64,
        transforms=[
            dict(type="Resize", size=64, interpolation="bicubic"),
            dict(type="RandomCrop", size=64, padding=4, padding_mode="reflect"),
            dict(type="RandomHorizontalFlip"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=0,
    sampler=dict(type="EpochSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="ToyImages",
        split="val",
        num_images=512,
        img_size=64,
        transforms=[dict(type="Resize", size=64, interpolation="bicubic"), dict(type="CenterCrop", size=64)],
    ),
)
test_dataloader = val_dataloader
