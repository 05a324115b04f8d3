# CIM's two sizes of one crop, after a change of the whole photograph's brightness, contrast and saturation.
_base_ = ["imagenet_224_cim.py"]

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4),
            dict(type="RandomHorizontalFlip", p=0.5),
            dict(
                type="TwoSizeRandomResizedCrop",
                size=224,
                token_size=112,
                scale=(0.08, 1.0),
                ratio=(3 / 4, 4 / 3),
                interpolation="bicubic",
                token_interpolation="lanczos",
            ),
        ],
    ),
)
