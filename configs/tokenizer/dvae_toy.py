# The built-in tokenizer, from drawn pictures in minutes on a CPU; with --data DIR from one's own.
_base_ = "../_base_/recipes/dvae.py"
recipe = dict(scale="toy")

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="Collages",
        num_images=3072,
        img_size=96,
        transforms=[
            dict(type="RandomResizedCrop", size=64, scale=(0.3, 1.0), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
