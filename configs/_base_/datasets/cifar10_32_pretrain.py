# CIFAR-10 as files, or another folder of small photographs with --data: data/cifar10/train/<class>/*, 32 pixels.
assumed_num_images = 20_000  # for plans made where the training images are not
train_dataloader = dict(
    batch_size=256,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="ImageFolder",
        root="data/cifar10/train",
        transforms=[
            dict(type="RandomResizedCrop", size=32, scale=(0.2, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
