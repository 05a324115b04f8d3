# ImageNet-1K for pre-training at 224: data/imagenet/train/<wnid>/*.JPEG. Crop and flip as MAE (its Appendix A.1).
# batch_size is per process; the recipe's total batch is auto_scale_lr.recipe_batch_size.
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
            dict(type="RandomResizedCrop", size=224, scale=(0.2, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
