# From what ft_vit-l_50e_in1k.py wrote, with its layer decay: a tenth of its epochs. 512 images as 16 processes x 32.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_384_randaug.py",
    "../../_base_/schedules/cls_384.py",
    "../../_base_/cls_after_ft_runtime.py",
]
recipe = dict(toy="conmim/downstream/ft96_vit-tiny_toy.py", after="conmim/downstream/ft_vit-l_50e_in1k.py")

model = dict(
    backbone=dict(arch="large", layer_scale=1e-5, drop_path_rate=0.2, img_size=384),
    head=dict(in_channels=1024, init_cfg=dict(type="Pretrained", checkpoint=None, prefix="head.")),
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
train_cfg = dict(max_epochs=5)
