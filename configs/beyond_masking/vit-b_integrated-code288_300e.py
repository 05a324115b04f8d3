# The integrated task as in the authors' code: crops of 288 pixels, 1-D sinusoids, no class token in pre-training.
_base_ = ["vit-b_integrated_300e.py"]

model = dict(backbone=dict(pos_embed="sincos1d", with_cls_token=False), neck=dict(pos_embed="sincos1d"))
train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=288, scale=(0.2, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
