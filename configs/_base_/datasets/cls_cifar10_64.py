# The same enlarged to 64 pixels.
_base_ = "cls_cifar10_32.py"

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="Resize", size=64, interpolation="bicubic"),
            dict(type="RandomCrop", size=64, padding=8, padding_mode="reflect"),
            dict(type="RandomHorizontalFlip"),
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(
        transforms=[dict(type="Resize", size=64, interpolation="bicubic"), dict(type="CenterCrop", size=64)],
    ),
)
test_dataloader = val_dataloader
