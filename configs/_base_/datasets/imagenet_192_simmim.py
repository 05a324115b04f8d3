# ImageNet-1K for SimMIM at 192 pixels: a light crop and a flip, nothing else. The recipes use 16 processes.
_base_ = ["imagenet_224_pretrain.py"]

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=192, scale=(0.67, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bilinear"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
