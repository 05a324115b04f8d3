# Built-in pictures at 64 pixels, no download; sized for a tiny ViT on a laptop's CPU.
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="ToyImages",
        num_images=4096,
        img_size=64,
        transforms=[
            dict(type="RandomResizedCrop", size=64, scale=(0.5, 1.0), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
