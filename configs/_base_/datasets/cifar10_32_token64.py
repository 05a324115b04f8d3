# One crop in two sizes: 32 pixels for the encoders, 64 for a tokenizer with a token for 8 x 8 pixels.
_base_ = ["cifar10_32_pretrain.py"]

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(
                type="TwoSizeRandomResizedCrop",
                size=32,
                token_size=64,
                scale=(0.2, 1.0),
                ratio=(3 / 4, 4 / 3),
                interpolation="bicubic",
                token_interpolation="lanczos",
            ),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
