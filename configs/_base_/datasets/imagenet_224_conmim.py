# One crop serves both views; colours change on the device.
_base_ = ["imagenet_224_pretrain.py"]

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=224, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
