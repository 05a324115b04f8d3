# The photographs enlarged to 64 pixels, for ResNets, whose last map has a cell for 32 x 32 pixels, and for tokenizers.
_base_ = ["cifar10_32_pretrain.py"]

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=64, scale=(0.2, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
