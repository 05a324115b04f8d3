# The integrated task as in the authors' code: crops of 288 pixels, 1-D sinusoids, no class token in pre-training.
_base_ = "../_base_/recipes/beyond_masking_300e.py"

model = dict(
    degradation=dict(type="CenterInput", target="crop"),
    backbone=dict(pos_embed="sincos1d", with_cls_token=False),
    neck=dict(pos_embed="sincos1d"),
    target_generator=dict(type="IntegratedZoomTarget"),
    head=dict(_delete_=True, type="IntegratedZoomHead"),
)
train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=288, scale=(0.2, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
