# The same pictures at 96 pixels.
_base_ = "cls_toy.py"
train_dataloader = dict(
    dataset=dict(
        img_size=96,
        transforms=[
            dict(type="Resize", size=96, interpolation="bicubic"),
            dict(type="RandomCrop", size=96, padding=6, padding_mode="reflect"),
            dict(type="RandomHorizontalFlip"),
        ],
    )
)
val_dataloader = dict(
    dataset=dict(
        img_size=96,
        transforms=[dict(type="Resize", size=96, interpolation="bicubic"), dict(type="CenterCrop", size=96)],
    )
)
test_dataloader = val_dataloader
