# From what ft_vit-s_200e_in1k.py wrote, with its layer decay. 512 images as 8 processes x 64.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_384_randaug.py",
    "../../_base_/schedules/cls_384.py",
    "../../_base_/cls_after_ft_runtime.py",
]
recipe = dict(toy="conmim/downstream/ft96_vit-tiny_toy.py", after="conmim/downstream/ft_vit-s_200e_in1k.py")

model = dict(
    backbone=dict(arch="small", img_size=384),
    head=dict(in_channels=384, init_cfg=dict(type="Pretrained", checkpoint=None, prefix="head.")),
)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
train_cfg = dict(max_epochs=20)
