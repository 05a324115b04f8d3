_base_ = ["imagenet_192_simmim.py"]

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=224, scale=(0.67, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bilinear"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
