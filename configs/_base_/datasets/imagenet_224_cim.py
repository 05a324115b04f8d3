# One crop in two sizes: 224 pixels for the encoders, 112 for a tokenizer with a token for 8 x 8 pixels.
_base_ = ["imagenet_224_pretrain.py"]

train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(
                type="TwoSizeRandomResizedCrop",
                size=224,
                token_size=112,
                scale=(0.08, 1.0),
                ratio=(3 / 4, 4 / 3),
                interpolation="bicubic",
                token_interpolation="lanczos",
            ),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
