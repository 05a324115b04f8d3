# ImageNet-1K for SimMIM at 192: data/imagenet/train/<wnid>/*.JPEG. A light crop and a flip, nothing else.
# batch_size is per process; the recipes use 16 of them.
assumed_num_images = 1_281_167  # for plans made where the training images are not
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="ImageFolder",
        root="data/imagenet/train",
        transforms=[
            dict(type="RandomResizedCrop", size=192, scale=(0.67, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bilinear"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
