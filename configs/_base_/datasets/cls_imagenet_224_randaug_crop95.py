# Test crop ratio 0.95 (CIM, Tables 14 and 15): resize 224 / 0.95 = 235.
_base_ = "cls_imagenet_224_randaug.py"

val_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="Resize", size=235, interpolation="bicubic", antialias=True),
            dict(type="CenterCrop", size=224),
        ]
    )
)
test_dataloader = val_dataloader
