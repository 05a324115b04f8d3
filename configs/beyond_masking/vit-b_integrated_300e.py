# Tasks (m) and (a) together: a quarter of the centre of a 320-pixel crop is seen, the whole crop is recovered.
_base_ = "../_base_/recipes/beyond_masking_300e.py"
recipe = dict(toy="beyond_masking/vit-tiny_integrated_toy.py")

model = dict(
    degradation=dict(type="CenterInput", target="crop"),
    target_generator=dict(type="IntegratedZoomTarget"),
    head=dict(_delete_=True, type="IntegratedZoomHead"),
)
train_dataloader = dict(
    dataset=dict(
        transforms=[
            dict(type="RandomResizedCrop", size=320, scale=(0.2, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bicubic"),
            dict(type="RandomHorizontalFlip", p=0.5),
        ],
    ),
)
