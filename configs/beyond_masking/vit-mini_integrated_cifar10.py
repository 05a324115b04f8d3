# Tasks (m) and (a) together: a quarter of the centre of a 48-pixel crop is seen, the whole crop is recovered.
_base_ = "../_base_/recipes/beyond_masking_mini.py"

model = dict(
    degradation=dict(type="CenterInput", target="crop"),
    target_generator=dict(type="IntegratedZoomTarget"),
    head=dict(_delete_=True, type="IntegratedZoomHead"),
)
train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=48, scale=(0.5, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
