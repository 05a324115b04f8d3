# Fine-tuning goes on at 96 pixels, from what ft_vit-tiny_toy.py wrote, head included, as ft384_vit-b_10e_in1k.py does.
# Under a minute on two CPU cores.
_base_ = "ft_vit-tiny_toy.py"

model = dict(backbone=dict(img_size=96), head=dict(init_cfg=dict(type="Pretrained", checkpoint=None, prefix="head.")))
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
optim_wrapper = dict(optimizer=dict(lr=4e-4))
param_scheduler = []
train_cfg = dict(max_epochs=2, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=2))
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True, stage="ft")]
