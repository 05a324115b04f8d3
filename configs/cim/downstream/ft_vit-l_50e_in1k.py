# The paper gives no recipe for ViT-L; BEiT's: 1e-3 at batch 1024 (16 processes x 64), layer decay 0.75.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug_crop95.py",
    "../../_base_/schedules/cls_beit_50e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="cim/downstream/ft_vit-tiny_toy.py")

model = dict(
    backbone=dict(
        arch="large", rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv", drop_path_rate=0.2
    ),
    head=dict(in_channels=1024),
)
train_dataloader = dict(batch_size=64)
